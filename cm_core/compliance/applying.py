"""What the applies of lists have in common: one transaction under the writer lock, counted and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import statements
from cm_core.compute import session
from cm_core.imports import pipeline, records
from cm_core.imports.replay_log import parts_to_apply
from cm_core.imports.staged import staged_paths
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: How long an import waits for another writer: longer than the largest apply takes.
WRITER_TIMEOUT_S = 3600


@dataclass(frozen=True)
class ApplyCounts:
    """Source rows of one import: they brought a new fact, changed a known one, or changed nothing."""

    inserted: int
    updated: int
    skipped: int


#: Called with the connection inside the transaction, before the commit; raising rolls everything back.
Finish = Callable[["Connection[Any]", ApplyCounts], None]


@dataclass(frozen=True)
class Written:
    """Source rows that brought rows of the list's table or changed one; contact points whose status column was set."""

    inserted: int
    updated: int = 0
    marked: int = 0


@dataclass(frozen=True)
class Kind:
    """One kind of list: its staged table, its table, the status column it marks (if any), and how it is written."""

    staged: str
    table: str
    status_column: str | None
    write: Callable[[Connection[Any], duckdb.DuckDBPyConnection, str, list[str]], Written]


def apply(settings: Settings, database: Database, import_id: str, kind: Kind, finish: Finish | None) -> ApplyCounts:
    """Read the staged file, wait for the writer lock, write and mark the import COMPLETE, all in one transaction."""
    with (
        pipeline.failing(settings, database, import_id),
        session(settings) as duck,
        closing(database.connect()) as connection,
    ):
        records.set_status(connection, import_id, "APPLYING")
        connection.commit()
        paths = staged_paths(settings, import_id, kind.staged, parts_to_apply(database, import_id))
        total = duck.execute(statements.COUNT_STAGED, [paths]).fetchall()[0][0]

        def write() -> ApplyCounts:
            written = kind.write(connection, duck, import_id, paths)
            counts = ApplyCounts(written.inserted, written.updated, total - written.inserted - written.updated)
            _audit(connection, import_id, kind, counts, written.marked)
            if finish is not None:
                finish(connection, counts)
            records.complete(
                connection, import_id, inserted=counts.inserted, updated=counts.updated, skipped=counts.skipped
            )
            return counts

        @retry_deadlocks
        def attempt() -> ApplyCounts:
            with writing(connection):
                return write()

        return attempt()


@contextmanager
def writing(connection: Connection[Any], *, timeout_s: float = WRITER_TIMEOUT_S) -> Iterator[None]:
    """One transaction under the writer lock; no temporary table of an earlier one is there."""
    with named_lock(connection, WRITER_LOCK, timeout_s=timeout_s), transaction(connection):
        execute(connection, statements.DROP_TEMPORARY_TABLES)
        yield


def execute(connection: Connection[Any], statement: str, **parameters: object) -> int:
    """Rows that the statement inserted or changed."""
    with connection.cursor() as cursor:
        changed: int = cursor.execute(statement, parameters)
    return changed


def number_of(connection: Connection[Any], query: str) -> int:
    """The only number that the query gives."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _audit(connection: Connection[Any], import_id: str, kind: Kind, counts: ApplyCounts, marked: int) -> None:
    for operation, count in (("INSERT", counts.inserted), ("UPDATE", counts.updated), ("SKIP", counts.skipped)):
        records.audit(connection, import_id, operation, count, kind.table)
    if kind.status_column is not None:
        records.audit(connection, import_id, "UPDATE", marked, kind.status_column)
