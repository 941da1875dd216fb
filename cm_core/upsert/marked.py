"""Whom a list of contacts says not to contact: brought in by the apply that brings in its people."""

from __future__ import annotations

from typing import Any

import duckdb
from pymysql.connections import Connection

from cm_core.compliance import Marked, apply_marks
from cm_core.imports import records
from cm_core.imports.replay_log import parts_to_apply
from cm_core.imports.staged import staged_if_any
from cm_core.imports.staging_marks import MARKS
from cm_core.settings import Settings
from cm_core.store.database import Database


def mark(
    settings: Settings, database: Database, connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str
) -> Marked:
    """Apply the staged marks of an import, if it has any, in the caller's transaction and under its writer lock.

    Of a replay, those of all its rows: what is known already changes nothing.
    """
    paths = staged_if_any(settings, import_id, MARKS, parts_to_apply(database, import_id))
    if not paths:
        return Marked()
    record = records.get(database, import_id)
    return apply_marks(connection, con, import_id, paths, file_date=record.source_date, arrived=record.uploaded_at)
