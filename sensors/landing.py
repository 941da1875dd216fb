"""The sensor over the landing zone (seed D1): new files become imports, waiting imports become runs.

What counts as new or as waiting is `cm_core.imports.registry`, what shares a run `cm_core.imports.batches`. Both stand
on the database: there is no cursor, so neither a missed tick nor a restart loses or repeats a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from resources.database import DatabaseResource
from sensors.run_history import RunHistory

if TYPE_CHECKING:
    from dagster._core.definitions.target import ExecutableDefinition

    from cm_core.imports.batches import Batch
    from cm_core.imports.registry import WaitingImport

#: A tick must end within 60 seconds; listing stops after this many and goes on with the next tick.
SCAN_SECONDS = 30.0

#: An import whose run broke off this often is not started again by itself.
MAX_ATTEMPTS = 5

#: Name of the dynamic partitions definition that imports are partitions of.
PARTITIONS = "imports"

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def landing_sensor(jobs: Mapping[str, ExecutableDefinition], *, interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, on by default. `jobs` gives the job to run by the target of a feed (`contacts` ...)."""
    job_names = {target: job.name for target, job in jobs.items()}

    @dg.sensor(
        name="landing_zone",
        jobs=list(jobs.values()),
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Registers files that arrived in the landing zone and requests runs for waiting imports: "
        "one run for many, one target's runs one after the other.",
    )
    def landing_zone(context: dg.SensorEvaluationContext, store: DatabaseResource) -> dg.SensorResult | dg.SkipReason:
        from cm_core.imports import batches, registry

        notes: list[str] = []
        found = registry.scan_landing(store.settings, store.database, budget_seconds=SCAN_SECONDS, problems=notes)
        for problem in notes:
            context.log.warning(problem)
        waiting = registry.waiting(store.database)
        chosen: list[Batch] = []
        if waiting:
            history = RunHistory(context.instance, PARTITIONS, job_names.values())
            runnable = startable(history, waiting, job_names, notes)
            bounds = batches.bounds(store.settings, store.database, runnable)
            chosen = first_of_each(batches.batches(runnable, bounds, history.places))
        if not chosen:
            return dg.SkipReason(f"{len(found)} new files, no import to start. {' '.join(notes)}".strip())
        return requests(chosen, job_names, {item: history.tries(item) for batch in chosen for item in batch.imports})

    return landing_zone


def startable(
    history: RunHistory, waiting: Iterable[WaitingImport], job_names: Mapping[str, str], notes: list[str]
) -> list[WaitingImport]:
    """The waiting imports that may be started now; why the others may not is added to `notes`.

    Imports of a feed are applied in order of arrival. So the next run of a target waits for the end of the last one.
    """
    result = []
    for target, job in job_names.items():
        items = [item for item in waiting if item.target == target]
        if items and (run := history.unfinished(job)):
            notes.append(f"{len(items)} of {target} wait for run {run.run_id}, which is {run.status.value}.")
            continue
        for item in items:
            if reason := reason_to_wait(history, item):
                notes.append(reason)
            else:
                result.append(item)
    return result


def reason_to_wait(history: RunHistory, item: WaitingImport) -> str | None:
    """Why an unfinished import is not to be started by itself now, or None.

    Its last run may be queued or between two steps; somebody may have cancelled it; or it may have broken off so
    often (killed, out of memory) that only a person can help. A run of its partition started by hand always works.
    """
    last = history.last(item.import_id)
    if last and not last.is_finished:
        return f"{item.import_id}: run {last.run_id} is {last.status.value}."
    if last and last.status == dg.DagsterRunStatus.CANCELED:
        return f"{item.import_id}: run {last.run_id} was cancelled. Materialize the partition to go on."
    tries = history.tries(item)
    if tries >= MAX_ATTEMPTS:
        return f"{item.import_id}: broke off {tries} times. Look at its runs, then materialize the partition."
    return None


def first_of_each(found: Iterable[Batch]) -> list[Batch]:
    """The first batch of each target, in the same order."""
    first: dict[str, Batch] = {}
    for batch in found:
        first.setdefault(batch.target, batch)
    return list(first.values())


def requests(
    found: Sequence[Batch], job_names: Mapping[str, str], tries: Mapping[WaitingImport, int]
) -> dg.SensorResult:
    """The partitions of all imports, those of a batch side by side, and a run for each batch.

    The run key holds the imports and how often each was tried: Dagster never starts two runs of one key, so imports
    that are still queued are not started twice, and those that were interrupted are started again.
    """
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=_run_key([(item.import_id, tries.get(item, item.attempt)) for item in batch.imports]),
                job_name=job_names[batch.target],
                partition_key=batch.import_ids[0] if len(batch.imports) == 1 else None,
                tags=tags_of(batch),
            )
            for batch in found
        ],
        dynamic_partitions_requests=[
            dg.DynamicPartitionsDefinition(name=PARTITIONS).build_add_request(
                [import_id for batch in found for import_id in batch.import_ids]
            )
        ],
    )


def tags_of(batch: Batch) -> dict[str, str]:
    """Tags of a batch's run: for several imports the range of their partitions, which Dagster runs as one."""
    feeds = ", ".join(sorted({item.feed for item in batch.imports}))
    if len(batch.imports) == 1:
        return {"cm/feed": feeds, "cm/import_id": batch.import_ids[0]}
    return {
        "cm/feed": feeds,
        "cm/imports": str(len(batch.imports)),
        _RANGE_START: batch.import_ids[0],
        _RANGE_END: batch.import_ids[-1],
    }


def _run_key(imports: Sequence[tuple[str, int]]) -> str:
    parts = [f"{import_id}:{tries}" for import_id, tries in imports]
    if len(parts) == 1:
        return parts[0]
    return f"{parts[0]} and {len(parts) - 1} more, {hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"
