"""The schedules of outside systems: the pull of each day after it has ended, and what goes out to the CRM.

A system that is not set up is passed over, with what to set as the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from resources.database import DatabaseResource
from resources.pipedrive import PipedriveResource
from resources.ringcentral import RingCentralResource

if TYPE_CHECKING:
    from dagster._core.definitions.target import ExecutableDefinition

#: After the pulls, and after the marts of the day (UTC).
RECONCILE, PUSH = "30 1 * * *", "0 11 * * *"
#: Days before the last one that are pulled too where that failed or nothing ran. A pull of Pipedrive begins where the
#: one before has ended; RingCentral has no such thing, and keeps a year.
MADE_GOOD = {"pipedrive": 6, "ringcentral": 365}
#: So many of them at once, the newest first.
MOST_MADE_GOOD = 14
_RUNNING = dg.DefaultScheduleStatus.RUNNING


def pull_schedule(job: ExecutableDefinition, *, system: str, assets: Sequence[str], cron: str) -> dg.ScheduleDefinition:
    """The schedule of a job over days, on by default: the day that ended, and those before that are missing."""

    @dg.schedule(
        name=f"{job.name}_daily",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=_RUNNING,
        description="Requests the pull of the day that has ended, and of days before that are missing.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
        store: DatabaseResource,
        pipedrive: PipedriveResource,
        ringcentral: RingCentralResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        settings = store.settings
        missing = (pipedrive if system == "pipedrive" else ringcentral).missing(settings)
        if missing:
            return not_set_up(missing)
        last = context.scheduled_execution_time.date() - timedelta(days=1)
        if last < settings.days_from:
            return dg.SkipReason(f"The first day is {settings.days_from} (CM_DAYS_FROM).")
        first = max(settings.days_from, last - timedelta(days=MADE_GOOD[system]))
        wanted = [*_left_out(context.instance, assets, first, last)[-MOST_MADE_GOOD:], last]
        tick = f"{context.scheduled_execution_time:%Y-%m-%d}"
        return [dg.RunRequest(run_key=f"{day} at {tick}", partition_key=day.isoformat()) for day in wanted]

    return schedule


def crm_schedule(job: ExecutableDefinition, *, cron: str) -> dg.ScheduleDefinition:
    """The daily schedule of a job that is not of a day, on by default."""

    @dg.schedule(
        name=f"{job.name}_daily",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=_RUNNING,
        description="Requests the job once a day.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> dg.RunRequest | dg.SkipReason:
        if missing := pipedrive.missing(store.settings):
            return not_set_up(missing)
        return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")

    return schedule


def not_set_up(missing: Sequence[str]) -> dg.SkipReason:
    """Why nothing is requested."""
    return dg.SkipReason(f"Not set up: set {' and '.join(missing)} (see docs/integrations.md).")


def _left_out(instance: dg.DagsterInstance, assets: Sequence[str], first: date, last: date) -> list[date]:
    """Days from `first` to before `last` that some asset has not, after the first that it ever had."""
    found: set[date] = set()
    for name in assets:
        have = {date.fromisoformat(key) for key in instance.get_materialized_partitions(dg.AssetKey(name))}
        begin = max(first, min(have, default=last))
        found |= {begin + timedelta(days=number) for number in range((last - begin).days)} - have
    return sorted(found)
