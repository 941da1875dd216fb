"""Campaigns and contact history in the graph. Whose a touchpoint is, and which are one, is `cm_core.touchpoints`."""

import dagster as dg

from cm_assets.partitions import for_each_import
from cm_assets.persons import OF_EACH_IMPORT
from resources.database import DatabaseResource


@dg.asset(**OF_EACH_IMPORT, group_name="campaigns", kinds={"mysql"})
def campaigns(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Marketing campaigns as their lists say, by code or by name and channel. Every row of a list is kept beside."""
    from cm_core import touchpoints as engine

    for_each_import(context, lambda import_id: engine.apply_campaigns(store.settings, store.database, import_id))


@dg.asset(**OF_EACH_IMPORT, group_name="campaigns", kinds={"mysql", "duckdb"})
def touchpoints(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """Letters, texts, calls and e-mails, sent or received, each with its person.

    A touchpoint whose person is unknown or not certain is kept and says why; imports of people and the linkage give
    it its person later, in the same transaction. `waiting` in the metadata counts those without one.
    """
    from cm_core import touchpoints as engine

    for_each_import(context, lambda import_id: engine.apply_touchpoints(store.settings, store.database, import_id))
