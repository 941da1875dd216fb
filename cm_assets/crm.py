"""Pipedrive in the graph: what changed there lands as imports, golden records and verdicts go out as a plan.

How it is read, planned and applied is `cm_core.crm`.
"""

import dagster as dg

from cm_assets.daily import Pulls, of_each_day, of_system, pull_each_day, say_what_is_missing, shown
from cm_assets.failures import clean_failures
from cm_assets.metadata import metadata_of
from resources.database import DatabaseResource
from resources.pipedrive import PipedriveResource
from sensors.crm import UP_TO

_READS = of_system(group="crm", kind="pipedrive", pool="pipedrive")
_WRITES = of_system(group="crm", kind="pipedrive", pool="pipedrive_push")
#: Waits for nobody: an apply under way takes these steps before its own.
_WRITES_AT_ONCE = of_system(group="crm", kind="pipedrive")
#: What a plan is made of.
_MARTS = ("crm_candidates", "compliance_call", "compliance_sms", "compliance_email", "compliance_mail")


def pulls(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The pulls of a day."""
    of_a_day = of_each_day(days, group="crm", kind="pipedrive")

    @dg.asset(**of_a_day)
    def pipedrive_persons(
        context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> Pulls:
        """People that changed in Pipedrive on the day, and their requests not to be contacted, as files that land.

        The first pull reads everybody. A day that was left out, or read before it ended, is made good by the next.
        """
        missing = pipedrive.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: pipedrive.pull(store.settings, store.database, day, "pipedrive_persons")
        )

    @dg.asset(**of_a_day, deps=[pipedrive_persons])
    def pipedrive_activities(
        context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> Pulls:
        """Activities that changed in Pipedrive on the day, with their person's contact points, as a file that lands."""
        missing = pipedrive.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: pipedrive.pull(store.settings, store.database, day, "pipedrive_activities")
        )

    @dg.asset(**of_a_day, deps=[pipedrive_persons])
    def pipedrive_deals(
        context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource
    ) -> Pulls:
        """Deals that changed in Pipedrive on the day, with their person's contact points, as a file that lands."""
        missing = pipedrive.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: pipedrive.pull(store.settings, store.database, day, "pipedrive_deals")
        )

    return [pipedrive_persons, pipedrive_activities, pipedrive_deals]


@dg.asset(**_READS)
def crm_events(context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource) -> Pulls:
    """What webhooks told since: each person, activity and deal is read anew, and lands as a pull's would."""
    if missing := pipedrive.missing(store.settings):
        say_what_is_missing(context, missing)
        return
    events = 0
    with clean_failures(context):
        while (handled := pipedrive.handle_events(store.settings, store.database)).events:
            events += handled.events
            context.log.info(str(handled))
    yield dg.MaterializeResult(metadata={"events": events})


@dg.asset(**_READS, deps=["pipedrive_persons"])
def crm_reconciliation(
    context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource
) -> Pulls:
    """Everybody in Pipedrive read by id: who was deleted or merged there is found, and what a pull missed lands."""
    if missing := pipedrive.missing(store.settings):
        say_what_is_missing(context, missing)
        return
    with clean_failures(context):
        found = pipedrive.reconcile(store.settings, store.database)
    yield dg.MaterializeResult(metadata={**shown(found.pull), **metadata_of(found.vanished)})


@dg.asset(**_WRITES, deps=[*_MARTS, crm_reconciliation])
def crm_plan(context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource) -> Pulls:
    """What would go out to Pipedrive, field by field, with its price in tokens: created, updated, merged, nothing.

    Golden records and verdicts are those of the marts. A plan takes the place of the one before.
    """
    if missing := pipedrive.missing(store.settings):
        say_what_is_missing(context, missing)
        return
    with clean_failures(context):
        plan = pipedrive.plan(store.settings, store.database, requested_by=f"run {context.run.run_id}")
    yield dg.MaterializeResult(metadata=metadata_of(plan))


@dg.asset(**_WRITES, deps=[crm_plan])
def crm_push(context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource) -> Pulls:
    """The latest plan carried out, as far as today's tokens go; the rest waits for the next day's."""
    if missing := pipedrive.missing(store.settings):
        say_what_is_missing(context, missing)
        return
    with clean_failures(context):
        applied = pipedrive.apply(store.settings, store.database)
    yield dg.MaterializeResult(metadata=shown(applied))


@dg.asset(**_WRITES_AT_ONCE, deps=["opt_outs", "contact_facts"])
def crm_suppressions(context: dg.AssetExecutionContext, store: DatabaseResource, pipedrive: PipedriveResource) -> Pulls:
    """Who may not be contacted, written into Pipedrive at once, before all else and out of the reserve of tokens."""
    if missing := pipedrive.missing(store.settings):
        say_what_is_missing(context, missing)
        return
    from cm_core.crm.suppressions import up_to

    with clean_failures(context):
        mark = up_to(store.database)  # before it is looked at what there is
        applied = pipedrive.push_suppressions(store.settings, store.database, requested_by=f"run {context.run.run_id}")
    waiting = 0 if applied is None else sum(applied.steps.get(state, 0) for state in ("waiting", "sending"))
    if applied is not None and (left := waiting + applied.to_try_again):
        # Failed, and without the mark: the sensor has it tried again.
        raise dg.Failure(
            f"{left} people whom nobody may contact are not marked in Pipedrive yet. {applied.waits_for or ''}".strip(),
            metadata=shown(applied),
            allow_retries=False,
        )
    yield dg.MaterializeResult(metadata={UP_TO: mark, **({} if applied is None else shown(applied))})


#: What is not of a day.
ASSETS = (crm_events, crm_reconciliation, crm_plan, crm_push, crm_suppressions)
