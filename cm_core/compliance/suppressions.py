"""From staged opt-out lists to `opt_outs`, one transaction per import; and the marks of both kinds of list on contacts.

The table keeps contact points that nobody we know has: a suppression waits for its person. What a suppression means for
a channel is decided by the dbt marts, not here; how files become staged rows is `cm_core.imports`. Do-not-call lists
are `cm_core.compliance.dnc`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import statements
from cm_core.compliance.counts import WRITER_TIMEOUT_S, ApplyCounts, Finish
from cm_core.compute import session
from cm_core.imports import pipeline, records
from cm_core.imports.replay_log import parts_to_apply
from cm_core.imports.staged import staged_paths
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection


@dataclass(frozen=True)
class _Written:
    """Rows of the list's table inserted and updated, and contact points whose status column was set."""

    inserted: int
    updated: int
    marked: int


@dataclass(frozen=True)
class _Kind:
    """One kind of list: its staged table, its table, the status column it marks, and its statements."""

    staged: str
    table: str
    status_column: str
    write: Callable[[Connection[Any], duckdb.DuckDBPyConnection, str, list[str]], _Written]


def apply_opt_outs(
    settings: Settings, database: Database, import_id: str, *, finish: Finish | None = None
) -> ApplyCounts:
    """Bring the staged opt-outs of an import into `opt_outs`; an opt-out is never changed or removed.

    One is known already if contact point, channel, time and source are equal; a later request of the same contact
    point is a further fact. `person_id` records whom we knew the contact point to be at that moment: the golden
    person, if exactly one entity held it. It is not filled in afterwards: the marts find the holders anew each
    time, so that people who come later are covered too. E-mail addresses get `opt_out_status` 'opted_out'.

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    return _apply(settings, database, import_id, _OPT_OUTS, finish)


def refresh_contact_status(
    connection: Connection[Any],
    *,
    phone_ids: tuple[int, int] | None = None,
    email_ids: tuple[int, int] | None = None,
    shadow_of: str | None = None,
) -> None:
    """Set `dnc_status` and `opt_out_status` on contact points that came after the list; does not commit.

    Called by whoever inserts contact points, in the same transaction, with the first and last id of each block of
    new rows (None: no new rows of that kind). `shadow_of` is the table whose shadow (`store.shadow`) has new rows only.
    The two columns are for people who look at the tables; the marts read the lists themselves.
    """
    with connection.cursor() as cursor:
        if shadow_of == "phone_numbers":
            cursor.execute(statements.MARK_SHADOW_PHONES)
        if shadow_of == "email_addresses":
            cursor.execute(statements.MARK_SHADOW_EMAILS)
        if phone_ids is not None:
            cursor.execute(statements.MARK_NEW_PHONES, phone_ids)
        if email_ids is not None:
            cursor.execute(statements.MARK_NEW_EMAILS, email_ids)


def _apply(settings: Settings, database: Database, import_id: str, kind: _Kind, finish: Finish | None) -> ApplyCounts:
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

        @retry_deadlocks
        def write() -> ApplyCounts:
            with named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S), transaction(connection):
                _execute(connection, statements.DROP_TEMPORARY_TABLES)
                written = kind.write(connection, duck, import_id, paths)
                counts = ApplyCounts(written.inserted, written.updated, total - written.inserted - written.updated)
                _audit(connection, import_id, kind, counts, written.marked)
                if finish is not None:
                    finish(connection, counts)
                records.complete(
                    connection, import_id, inserted=counts.inserted, updated=counts.updated, skipped=counts.skipped
                )
            return counts

        return write()


def _write_opt_outs(
    connection: Connection[Any], duck: duckdb.DuckDBPyConnection, import_id: str, paths: list[str]
) -> _Written:
    _execute(connection, statements.CREATE_OPT_OUTS_STAGED)
    columns = ("fact_no", "row_number", "channel", "phone_e164", "email_key", "opted_out_at", "reason", "source")
    load(connection, duck, statements.STAGED_OPT_OUTS, "opt_outs_staged", columns, params=(paths,))
    for statement in (
        statements.MARK_KNOWN_BY_PHONE,
        statements.MARK_KNOWN_BY_EMAIL,
        statements.CREATE_HOLDERS,
        statements.FIND_PHONE_HOLDERS,
        statements.FIND_EMAIL_HOLDERS,
        statements.NAME_SOLE_HOLDERS,
    ):
        _execute(connection, statement)
    _execute(connection, statements.INSERT_OPT_OUTS, import_id=import_id)
    with connection.cursor() as cursor:
        cursor.execute(statements.COUNT_NEW_OPT_OUT_ROWS)
        row = cursor.fetchone()
    inserted = int(row[0]) if row else 0
    return _Written(inserted, updated=0, marked=_execute(connection, statements.MARK_EMAILS_OF_STAGED))


def _audit(connection: Connection[Any], import_id: str, kind: _Kind, counts: ApplyCounts, marked: int) -> None:
    for operation, count, detail in (
        ("INSERT", counts.inserted, kind.table),
        ("UPDATE", counts.updated, kind.table),
        ("SKIP", counts.skipped, kind.table),
        ("UPDATE", marked, kind.status_column),
    ):
        records.audit(connection, import_id, operation, count, detail)


def _execute(connection: Connection[Any], statement: str, **parameters: str) -> int:
    """Rows that the statement inserted or changed."""
    with connection.cursor() as cursor:
        changed: int = cursor.execute(statement, parameters)
    return changed


_OPT_OUTS = _Kind("opt_outs", "opt_outs", "email_addresses.opt_out_status", _write_opt_outs)
