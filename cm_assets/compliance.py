"""Compliance in the graph: the do-not-call and opt-out lists, and the dbt models that turn them into verdicts.

What a list means is `cm_core.compliance`; which rule blocks what is `dbt_project/`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cm_assets.failures import clean_failures
from cm_assets.partitions import for_each_import, imports, one_run
from cm_assets.persons import CANONICAL_WRITER
from cm_assets.staging import import_validation_log, staging_raw_import
from resources.database import DatabaseResource

#: dbt builds its tables under fixed names: one run at a time.
DBT_POOL = "dbt"


@dg.asset(
    deps=[staging_raw_import, import_validation_log],
    partitions_def=imports,
    backfill_policy=one_run,
    pool=CANONICAL_WRITER,
    group_name="compliance",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def dnc_registry(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Do-not-call lists, brought into force by area code; the table has the listed numbers that people here have."""
    from cm_core import compliance

    for_each_import(context, lambda import_id: compliance.apply_dnc(store.settings, store.database, import_id))


@dg.asset(
    deps=[staging_raw_import, import_validation_log],
    partitions_def=imports,
    backfill_policy=one_run,
    pool=CANONICAL_WRITER,
    group_name="compliance",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def opt_outs(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """What people asked for, by channel and contact point: permanent facts that wait for people not yet known."""
    from cm_core import compliance

    for_each_import(context, lambda import_id: compliance.apply_opt_outs(store.settings, store.database, import_id))


def build_dbt_assets(
    *, automation_condition: dg.AutomationCondition[Any] | None = None
) -> tuple[list[dg.AssetsDefinition], dict[str, Any]]:
    """The dbt models as assets (their tests as checks), and the resources they need beside `store`."""
    from dagster_dbt import dbt_assets

    from cm_core.settings import get_settings
    from resources.dbt import CmTranslator, DbtResource, manifest_path

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
