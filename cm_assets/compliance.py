"""Compliance in the graph: do-not-call lists, opt-outs and facts, and the dbt models that turn them into verdicts.

What a list means is `cm_core.compliance`; which rule blocks what is `dbt_project/`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cm_assets.failures import clean_failures
from cm_assets.metadata import metadata_of
from cm_assets.partitions import for_each_import
from cm_assets.persons import CANONICAL_WRITER, OF_EACH_IMPORT
from resources.database import DatabaseResource

#: dbt builds its tables under fixed names: one run at a time.
DBT_POOL = "dbt"


@dg.asset(**OF_EACH_IMPORT, group_name="compliance", kinds={"mysql"})
def dnc_registry(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Do-not-call lists, brought into force by area code; the table has the listed numbers that people here have."""
    from cm_core import compliance

    for_each_import(context, lambda import_id: compliance.apply_dnc(store.settings, store.database, import_id))


@dg.asset(**OF_EACH_IMPORT, group_name="compliance", kinds={"mysql"})
def opt_outs(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """What people asked for, by channel and contact point: permanent facts that wait for people not yet known."""
    from cm_core import compliance

    for_each_import(context, lambda import_id: compliance.apply_opt_outs(store.settings, store.database, import_id))


@dg.asset(**OF_EACH_IMPORT, group_name="compliance", kinds={"mysql"})
def contact_facts(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """What is known of contact points and decides about their use: litigators, reassigned and wireless numbers, mail
    suppression, the deceased, consent, business relationships, privacy deletions. Facts are added, never taken out.
    """
    from cm_core import compliance

    for_each_import(context, lambda import_id: compliance.apply_facts(store.settings, store.database, import_id))


@dg.asset(
    pool=CANONICAL_WRITER,
    group_name="compliance",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def calling_windows(context: dg.AssetExecutionContext, store: DatabaseResource) -> dg.MaterializeResult[None]:
    """When calls and texts are lawful in each place, from a month ago to two weeks ahead, by the rules of today."""
    from cm_core.compliance.calling_windows import refresh_calling_windows
    from cm_core.imports.records import now

    with clean_failures(context):
        counts = refresh_calling_windows(store.settings, store.database, at=now())
    return dg.MaterializeResult(
        metadata={"places": counts.places, "windows_added": counts.added, "windows_removed": counts.removed}
    )


@dg.asset(
    deps=["touchpoints", "person_duplicates", dnc_registry, opt_outs, "contact_facts"],
    pool=CANONICAL_WRITER,
    group_name="compliance",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def compliance_violations(context: dg.AssetExecutionContext, store: DatabaseResource) -> dg.MaterializeResult[None]:
    """Calls, texts and e-mails that were made although the law forbade them, by the rules and facts of their time."""
    from cm_core.compliance.retrospect import judge_contacts
    from cm_core.imports.records import now

    with clean_failures(context):
        judged = judge_contacts(store.settings, store.database, at=now())
    return dg.MaterializeResult(metadata=metadata_of(judged))


def build_dbt_assets(
    *, automation_condition: dg.AutomationCondition[Any] | None = None
) -> tuple[list[dg.AssetsDefinition], dict[str, Any]]:
    """The dbt models as assets (their tests as checks), and the resources they need beside `store`."""
    from dagster_dbt import dbt_assets

    from cm_core.settings import get_settings
    from resources.dbt import CmTranslator, DbtResource
    from resources.dbt_project import manifest_path

    @dbt_assets(
        manifest=manifest_path(get_settings()),
        name="dbt_models",
        dagster_dbt_translator=CmTranslator(automation_condition),
        pool=DBT_POOL,
    )
    def dbt_models(context: dg.AssetExecutionContext, dbt: DbtResource, store: DatabaseResource) -> Iterator[Any]:
        """`dbt build` of the selected models and their tests."""
        with clean_failures(context):
            yield from dbt.build(context, store.settings, store.database)

    return [dbt_models], {"dbt": DbtResource()}
