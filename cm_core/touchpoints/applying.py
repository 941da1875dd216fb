"""What the applies of campaigns and of touchpoints have in common: one transaction under the writer lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import pyarrow as pa

from cm_core.compute import session
from cm_core.imports import pipeline, records
from cm_core.imports.replay_log import parts_to_apply
from cm_core.imports.staged import read_staged
from cm_core.settings import Settings
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: How long an import waits for another writer: longer than the largest apply takes.
WRITER_TIMEOUT_S = 3600

Result = TypeVar("Result")


def apply(
    settings: Settings,
    database: Database,
    import_id: str,
    staged: str,
    write: Callable[[Connection[Any], duckdb.DuckDBPyConnection, str], Result],
) -> Result:
    """Call `write(connection, con, import_id)` with the staged table `staged` in DuckDB, in one transaction."""
    with (
        pipeline.failing(settings, database, import_id),
        session(settings, memory_limit=settings.import_memory_limit) as con,
        closing(database.connect()) as connection,
    ):
        records.set_status(connection, import_id, "APPLYING")
        connection.commit()
        parts = parts_to_apply(database, import_id)
        read_staged(settings, con, import_id, (staged,), prefix="staged_", parts=parts)

        @retry_deadlocks
        def attempt() -> Result:
            with named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S), transaction(connection):
                return write(connection, con, import_id)

        return attempt()


def count(con: duckdb.DuckDBPyConnection, table: str, condition: str = "true") -> int:
    """Rows of a DuckDB table."""
    return int(con.execute(f"select count(*) from {table} where {condition}").fetchall()[0][0])


def execute(connection: Connection[Any], statement: str, parameters: Mapping[str, object] | None = None) -> int:
    """Rows that the statement inserted or changed."""
    with connection.cursor() as cursor:
        changed: int = cursor.execute(statement, parameters)
    return changed


def answer(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    schema: pa.Schema,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """A MySQL query's result as the DuckDB table `table`, replacing what it held."""
    con.execute(f"drop table if exists {table}")
    fetch(connection, query, dict(parameters or {}), con, table, schema)


def temporary(connection: Connection[Any], name: str, columns: str) -> None:
    """An empty temporary table in MySQL, replacing what it held."""
    execute(connection, f"drop temporary table if exists {name}")
    execute(
        connection,
        f"create temporary table {name} ({columns}) engine = InnoDB default character set utf8mb4 "
        "collate utf8mb4_unicode_ci",
    )


def upload(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: str,
    query: str,
    into: tuple[str, ...],
) -> int:
    """A temporary table in MySQL with what `query` gives in DuckDB for the columns `into`."""
    temporary(connection, name, columns)
    return load(connection, con, query, name, into)
