"""What applying a staged opt-out list would do, by the same comparisons and without writing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance import statements
from cm_core.compute import session
from cm_core.imports.inspection import Foreseen
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.locks import looking

if TYPE_CHECKING:
    from pymysql.connections import Connection

_FACTS = pa.schema([("fact_no", pa.int64())])
_COUNT_NEW_ROWS = f"""
select count(distinct row_number)
from ({statements.STAGED_OPT_OUTS}) as staged
where fact_no not in (select fact_no from known_opt_outs)
"""

_Count = Callable[["Connection[Any]", duckdb.DuckDBPyConnection, Path], tuple[int, int]]


def preview_opt_outs(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows would bring a new opt-out, as `apply_opt_outs` counts."""
    return _preview(settings, database, f"staged/{import_id}/opt_outs.parquet", _count_opt_outs)


def _preview(settings: Settings, database: Database, key: str, count: _Count) -> Foreseen:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="suppressions-", dir=settings.scratch_dir) as scratch,
        session(settings, memory_limit=settings.import_memory_limit) as duck,
        closing(database.connect()) as connection,
        looking(connection),
    ):
        path = lake(settings).materialize(key, Path(scratch))
        total = int(duck.execute(statements.COUNT_STAGED, [str(path)]).fetchall()[0][0])
        inserted, updated = count(connection, duck, path)
    return Foreseen(inserted, updated, total - inserted - updated)


def _count_opt_outs(connection: Connection[Any], duck: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(statements.CREATE_OPT_OUTS_STAGED)
    columns = ("fact_no", "row_number", "channel", "phone_e164", "email_key", "opted_out_at", "reason", "source")
    load(connection, duck, statements.STAGED_OPT_OUTS, "opt_outs_staged", columns, params=(str(path),))
    for query in statements.KNOWN_OPT_OUTS:
        fetch(connection, query, (), duck, "known_opt_outs", _FACTS)
    return int(duck.execute(_COUNT_NEW_ROWS, [str(path)]).fetchall()[0][0]), 0
