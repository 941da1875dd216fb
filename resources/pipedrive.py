"""Pipedrive, as a Dagster resource: what is not set, and the calls of `cm_core.crm` that assets make."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from cm_core.crm import Applied, Handled, PlanRow, PullResult, Reconciled
    from cm_core.settings import Settings
    from cm_core.store import Database


class PipedriveResource(dg.ConfigurableResource["PipedriveResource"]):
    """The account that the settings name. Every call opens its own client, and closes it."""

    def missing(self, settings: Settings) -> list[str]:
        """The variables that have to be set before anything can be asked of Pipedrive."""
        return [] if settings.pipedrive_token else ["CM_PIPEDRIVE_TOKEN"]

    def pull(self, settings: Settings, database: Database, day: date, source: str) -> PullResult:
        """`cm_core.crm.pull_day`."""
        from cm_core import crm

        return crm.pull_day(settings, database, day, source=source)

    def reconcile(self, settings: Settings, database: Database) -> Reconciled:
        """`cm_core.crm.reconcile`."""
        from cm_core import crm

        return crm.reconcile(settings, database)

    def plan(self, settings: Settings, database: Database, *, requested_by: str) -> PlanRow:
        """`cm_core.crm.make_plan`."""
        from cm_core import crm

        with crm.pipedrive(settings, database, purpose="plan") as client:
            return crm.make_plan(settings, database, client, requested_by=requested_by)

    def apply(self, settings: Settings, database: Database) -> Applied:
        """`cm_core.crm.apply_plan` of the latest plan."""
        from cm_core import crm

        return crm.apply_plan(settings, database)

    def push_suppressions(self, settings: Settings, database: Database, *, requested_by: str) -> Applied | None:
        """`cm_core.crm.push_suppressions`."""
        from cm_core import crm

        return crm.push_suppressions(settings, database, requested_by=requested_by)

    def handle_events(self, settings: Settings, database: Database) -> Handled:
        """`cm_core.crm.handle_events`, a thousand at most."""
        from cm_core import crm

        return crm.handle_events(settings, database)
