"""The sensors over what concerns the CRM: events that its webhooks left, and new requests not to be contacted.

Both only hasten what the schedules do anyway. Neither has a cursor: what is not done stays to be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from resources.database import DatabaseResource
from resources.pipedrive import PipedriveResource
from sensors.changes import UNFINISHED, pause_after
from sensors.daily import not_set_up

if TYPE_CHECKING:
    from dagster._core.definitions.target import ExecutableDefinition

#: Metadata of `crm_suppressions`: up to which request and fact the CRM knows.
UP_TO = "up_to"
#: After a run that failed: the CRM may be down, or today's tokens spent.
AFTER_FAILURE_SECONDS = 600
_SUPPRESSIONS = dg.AssetKey("crm_suppressions")


def events_sensor(job: ExecutableDefinition, *, interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, on by default; `job` deals with the events."""

    @dg.sensor(
        name="crm_events_waiting",
        job=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has what Pipedrive's webhooks told of read and landed, without waiting for the day's pull.",
    )
    def crm_events_waiting(
        context: dg.SensorEvaluationContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> dg.RunRequest | dg.SkipReason:
        from cm_core import crm

        if missing := pipedrive.missing(store.settings):
            return not_set_up(missing)
        if not crm.are_new_events(store.database):
            return dg.SkipReason("No event waits.")
        return _wait(context.instance, job.name) or dg.RunRequest()

    return crm_events_waiting


def suppressions_sensor(job: ExecutableDefinition, *, interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, on by default; `job` writes into the CRM who may not be contacted."""

    @dg.sensor(
        name="new_suppressions",
        job=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has new opt-outs and facts about contact points written into Pipedrive at once.",
    )
    def new_suppressions(
        context: dg.SensorEvaluationContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> dg.RunRequest | dg.SkipReason:
        from cm_core.crm.suppressions import up_to

        if missing := pipedrive.missing(store.settings):
            return not_set_up(missing)
        mark = up_to(store.database)
        if mark == _pushed_up_to(context.instance):
            return dg.SkipReason(f"The CRM knows all up to {mark}.")
        return _wait(context.instance, job.name) or dg.RunRequest()

    return new_suppressions


def _pushed_up_to(instance: dg.DagsterInstance) -> str | None:
    event = instance.get_latest_materialization_event(_SUPPRESSIONS)
    found = event.asset_materialization.metadata.get(UP_TO) if event and event.asset_materialization else None
    return str(found.value) if found is not None else None


def _wait(instance: dg.DagsterInstance, job: str) -> dg.SkipReason | None:
    """Why no run is requested now: one is under way, or the last one failed just now and would fail again."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    if not records:
        return None
    run = records[0].dagster_run
    if run.status in UNFINISHED:
        return dg.SkipReason(f"Run {run.run_id} is {run.status.value}.")
    if run.status == dg.DagsterRunStatus.FAILURE and (reason := pause_after(records[0], AFTER_FAILURE_SECONDS)):
        return dg.SkipReason(reason)
    return None
