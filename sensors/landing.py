"""The sensor over the landing zone (seed D1): new files become imports, waiting imports become runs.

What counts as new or as waiting is `cm_core.imports.registry` and stands in the database: there is no cursor, so
neither a missed tick nor a restart loses or repeats a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from resources.database import DatabaseResource

if TYPE_CHECKING:
    from dagster._core.definitions.target import ExecutableDefinition

    from cm_core.imports.registry import WaitingImport

#: A tick must end within 60 seconds; listing stops after this many and goes on with the next tick.
SCAN_SECONDS = 30.0

#: Runs requested per tick. The others wait: each further tick asks for those that are still waiting.
RUNS_PER_TICK = 200

#: An import whose run broke off this often is not started again by itself.
MAX_ATTEMPTS = 5

#: Name of the dynamic partitions definition that imports are partitions of.
PARTITIONS = "imports"


def landing_sensor(jobs: Mapping[str, ExecutableDefinition], *, interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, on by default. `jobs` gives the job to run by the target of a feed (`contacts` ...)."""
    job_names = {target: job.name for target, job in jobs.items()}

    @dg.sensor(
        name="landing_zone",
        jobs=list(jobs.values()),
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Registers files that arrived in the landing zone and requests a run for each waiting import.",
    )
    def landing_zone(context: dg.SensorEvaluationContext, store: DatabaseResource) -> dg.SensorResult | dg.SkipReason:
        from cm_core.imports import registry

        found = registry.scan_landing(store.settings, store.database, budget_seconds=SCAN_SECONDS)
        waiting = registry.waiting(store.database)[:RUNS_PER_TICK]
        reasons = {item: reason_to_wait(context.instance, item) for item in waiting}
        runnable = [item for item, reason in reasons.items() if reason is None]
        if not runnable:
            held_back = " ".join(reason for reason in reasons.values() if reason)
            return dg.SkipReason(f"{len(found)} new files, no import to start. {held_back}".strip())
        return requests(runnable, job_names)

    return landing_zone


def reason_to_wait(instance: dg.DagsterInstance, item: WaitingImport) -> str | None:
    """Why an unfinished import is not to be started by itself now, or None.

    Its last run may be queued or between two steps; somebody may have cancelled it; or it may have broken off so
    often (killed, out of memory) that only a person can help. A run of its partition started by hand always works.
    """
    if item.attempt == 0:
        return None
    last = next(iter(instance.get_runs(dg.RunsFilter(tags={"dagster/partition": item.import_id}), limit=1)), None)
    if last and not last.is_finished:
        return f"{item.import_id}: run {last.run_id} is {last.status.value}."
    if last and last.status == dg.DagsterRunStatus.CANCELED:
        return f"{item.import_id}: run {last.run_id} was cancelled. Materialize the partition to go on."
    if item.attempt >= MAX_ATTEMPTS:
        return f"{item.import_id}: broke off {item.attempt} times. Look at its runs, then materialize the partition."
    return None


def requests(waiting: Iterable[WaitingImport], job_names: Mapping[str, str]) -> dg.SensorResult:
    """A partition and a run for each waiting import.

    The run key holds the attempt: Dagster never starts two runs of one key, so an import that is still queued is
    not started twice, and one that was interrupted (its attempt has moved on) is started again.
    """
    waiting = list(waiting)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{item.import_id}:{item.attempt}",
                job_name=job_names[item.target],
                partition_key=item.import_id,
                tags={"cm/feed": item.feed, "cm/import_id": item.import_id},
            )
            for item in waiting
        ],
        dynamic_partitions_requests=[
            dg.DynamicPartitionsDefinition(name=PARTITIONS).build_add_request([item.import_id for item in waiting])
        ],
    )
