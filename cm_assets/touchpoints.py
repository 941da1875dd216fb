"""Campaigns and contact history in the graph. Whose a touchpoint is, and which are one, is `cm_core.touchpoints`."""

import dagster as dg

from cm_assets.partitions import for_each_import, imports, one_run
from cm_assets.persons import CANONICAL_WRITER
from cm_assets.staging import import_validation_log, staging_raw_import
from resources.database import DatabaseResource


@dg.asset(
    deps=[staging_raw_import, import_validation_log],
    partitions_def=imports,
    backfill_policy=one_run,
    pool=CANONICAL_WRITER,
    group_name="campaigns",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def campaigns(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Marketing campaigns as their lists say, by code or by name and channel. Every row of a list is kept beside."""
    from cm_core import touchpoints as engine

    for_each_import(context, lambda import_id: engine.apply_campaigns(store.settings, store.database, import_id))


@dg.asset(
    deps=[staging_raw_import, import_validation_log],
    partitions_def=imports,
    backfill_policy=one_run,
    pool=CANONICAL_WRITER,
    group_name="campaigns",
    kinds={"mysql", "duckdb"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
)
def touchpoints(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Letters, texts, calls and e-mails, sent or received, each with its person.

    A touchpoint whose person is unknown or not certain is kept and says why; imports of people and the linkage give
    it its person later, in the same transaction. `waiting` in the metadata counts those without one.
    """
    from cm_core import touchpoints as engine

    for_each_import(context, lambda import_id: engine.apply_touchpoints(store.settings, store.database, import_id))
