"""What applying a staged campaign list or contact history would do, by the same comparisons and without writing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compute import session
from cm_core.imports.inspection import Foreseen
from cm_core.imports.staged import read_staged
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import looking
from cm_core.touchpoints import campaigns, history
from cm_core.touchpoints.applying import count

if TYPE_CHECKING:
    from pymysql.connections import Connection


def preview_campaigns(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows would bring a campaign or change one, as `apply_campaigns` counts."""

    def counts(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        campaigns.fold(connection, con, import_id)
        inserted, updated = (count(con, "campaign_rows", f"operation = '{name}'") for name in ("inserted", "updated"))
        return inserted, updated

    return _preview(settings, database, import_id, "campaigns", counts)


def preview_touchpoints(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows would bring a touchpoint or say more of one, as `apply_touchpoints` counts."""

    def counts(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        history.compare(connection, con, import_id)
        return count(con, "touchpoints_new"), count(con, "touchpoints_changed")

    return _preview(settings, database, import_id, "touchpoints", counts)


def _preview(
    settings: Settings,
    database: Database,
    import_id: str,
    staged: str,
    counts: Callable[[Connection[Any], duckdb.DuckDBPyConnection], tuple[int, int]],
) -> Foreseen:
    with (
        session(settings, memory_limit=settings.import_memory_limit) as con,
        closing(database.connect()) as connection,
        looking(connection),
    ):
        read_staged(settings, con, import_id, (staged,), prefix="staged_")
        inserted, updated = counts(connection, con)
        skipped = count(con, f"staged_{staged}") - inserted - updated
    return Foreseen(inserted, updated, skipped)
