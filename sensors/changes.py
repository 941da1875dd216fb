"""The sensor over `changed_entities`: what people record by hand shows in the marts without waiting for an import.

An import is followed by the automation of the graph; `cm suppress` and its like run in no job. Whoever changes
something notes it in `changed_entities`, and what lies there while nothing runs was not followed by anybody.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg

from resources.database import DatabaseResource

if TYPE_CHECKING:
    from dagster._core.definitions.target import ExecutableDefinition

#: Changes must have lain so long: whoever records several things by hand gets one build.
SETTLED_SECONDS = 10
#: Nothing has run for so long: the automation, which looks more often, has nothing to follow.
QUIET_SECONDS = 45
#: After a build that failed: what ails it may need a moment to go away.
AFTER_FAILURE_SECONDS = 300


def changes_sensor(job: ExecutableDefinition, *, interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, on by default; `job` builds the marts."""

    @dg.sensor(
        name="changes_by_hand",
        job=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds the marts when something was recorded by hand: a suppression, a fact, a decision.",
    )
    def changes_by_hand(context: dg.SensorEvaluationContext, store: DatabaseResource) -> dg.RunRequest | dg.SkipReason:
        from cm_core.compliance import builds

        waiting = builds.waiting(store.database)
        if waiting is None:
            return dg.SkipReason("Nothing was changed since the marts were built.")
        if waiting.settled_seconds < SETTLED_SECONDS:
            return dg.SkipReason(f"{waiting.entities} entities changed just now.")
        if reason := unrest(context.instance):
            return dg.SkipReason(f"{waiting.entities} entities changed. {reason}")
        # Dagster starts a key once: what a run did not build is asked for again, under the name of that run.
        failed = last_unsuccessful(context.instance, job.name)
        if failed and (reason := pause_after(failed, AFTER_FAILURE_SECONDS)):
            return dg.SkipReason(reason)
        after = f", after run {failed.dagster_run.run_id}" if failed else ""
        return dg.RunRequest(run_key=f"changes up to {waiting.last_id}{after}")

    return changes_by_hand


def unrest(instance: dg.DagsterInstance) -> str | None:
    """The run that is under way, or that has only just ended, so that what follows it has yet to begin; else None."""
    if running := instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1):
        return f"Run {running[0].run_id} ({running[0].job_name}) is {running[0].status.value}."
    latest = instance.get_run_records(limit=1, order_by="update_timestamp")
    if latest and time.time() - latest[0].update_timestamp.timestamp() < QUIET_SECONDS:
        return f"Run {latest[0].dagster_run.run_id} has only just ended."
    return None


def last_unsuccessful(instance: dg.DagsterInstance, job: str) -> dg.RunRecord | None:
    """The last run of the job, if it failed or was cancelled."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    return records[0] if records and records[0].dagster_run.status in UNSUCCESSFUL else None


def pause_after(failed: dg.RunRecord, seconds: float) -> str | None:
    """What to say while it is less than `seconds` since a run failed; None from then on."""
    left = failed.update_timestamp.timestamp() + seconds - time.time()
    return f"Run {failed.dagster_run.run_id} failed. The next is requested in {left:.0f} s." if left > 0 else None


#: States of runs that are still to end.
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
#: States of runs that have built nothing.
UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
