"""Which run took an import last, and how it ended. A run may have taken one import or a range of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from cm_core.imports.registry import WaitingImport

#: Runs of a job that are looked at. What is older has long ended, and the attempts of its imports are on record.
_RUNS = 100

_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


class RunHistory:
    """The latest runs of some jobs over one dynamic partitions definition, as they are at the first question."""

    def __init__(self, instance: dg.DagsterInstance, partitions: str, jobs: Iterable[str]) -> None:
        self._instance = instance
        self._partitions = partitions
        self._jobs = list(jobs)

    @cached_property
    def places(self) -> dict[str, int]:
        """Place of each partition in the order in which they were made."""
        keys = self._instance.get_dynamic_partitions(self._partitions)
        return {key: place for place, key in enumerate(keys)}

    @cached_property
    def _runs(self) -> dict[str, list[dg.DagsterRun]]:
        """Runs by job, newest first. One that was recorded and never started is none: its request may come again."""
        return {
            job: [
                run
                for run in self._instance.get_runs(dg.RunsFilter(job_name=job), limit=_RUNS)
                if run.status != dg.DagsterRunStatus.NOT_STARTED
            ]
            for job in self._jobs
        }

    @cached_property
    def _reach(self) -> list[tuple[int, int, dg.DagsterRun]]:
        """First and last place of each run's partitions, newest run first."""
        found = []
        for runs in self._runs.values():
            for run in runs:
                start = self.places.get(run.tags.get(_PARTITION) or run.tags.get(_RANGE_START, ""))
                end = self.places.get(run.tags.get(_PARTITION) or run.tags.get(_RANGE_END, ""))
                if start is not None and end is not None:
                    found.append((start, end, run))
        return found

    def unfinished(self, job: str) -> dg.DagsterRun | None:
        """A run of the job that is queued or under way; those of the command line, which do not queue, do not count."""
        return next((run for run in self._runs[job] if not run.is_finished and "cm/started_by" not in run.tags), None)

    def last(self, import_id: str) -> dg.DagsterRun | None:
        """The newest run that took the import."""
        return next(iter(self._of(import_id)), None)

    def tries(self, item: WaitingImport) -> int:
        """How often the import was tried: what is on record of it, or more where runs broke off before they began."""
        failed = sum(run.status == dg.DagsterRunStatus.FAILURE for run in self._of(item.import_id))
        return max(item.attempt, failed)

    def _of(self, import_id: str) -> list[dg.DagsterRun]:
        place = self.places.get(import_id)
        return [run for start, end, run in self._reach if place is not None and start <= place <= end]
