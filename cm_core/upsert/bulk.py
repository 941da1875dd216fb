"""Applying what outweighs all that is known: shadow tables, indexes last, one RENAME TABLE.

Into an empty database, an import goes straight to the shadows. Several imports at once are resolved one after the
other against tables that DuckDB keeps (`sinks.StateSink`), filled first with what MySQL has; the outcome is loaded
once. Rows find the same persons, under the same ids, as if each import had been applied by itself: only the way of
writing is another. Contact history is found its person by indexed look-ups in the tables: where there is any, imports
go by transactions.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import duckdb
from pymysql.connections import Connection

from cm_core.compliance import list_new_numbers, refresh_contact_status
from cm_core.compute import session
from cm_core.errors import CmError
from cm_core.imports import pipeline, records
from cm_core.imports.records import now
from cm_core.imports.staged import count_staged
from cm_core.settings import Settings
from cm_core.store import changes, shadow
from cm_core.store.bulk import Loads, fetch
from cm_core.store.database import Database
from cm_core.store.locks import transaction
from cm_core.upsert.known_state import StateKnown
from cm_core.upsert.lookup import TablesKnown, arrow_schema
from cm_core.upsert.marked import mark
from cm_core.upsert.resolving import ApplyResult, prepare, resolve, row_operations
from cm_core.upsert.sinks import PEOPLE_TABLES, STATE, ShadowSink, StateSink
from cm_core.upsert.write import TARGETS, CanonicalWriter

#: Connections that rows are loaded through: one keeps a core of the server busy while DuckDB has the other.
_CONNECTIONS = 2
#: Rows of a table loaded at once.
_ROWS_AT_ONCE = 500_000
_PERSONS = "select count(*) from persons"
_HAS_PEOPLE = "select exists (select 1 from persons), exists (select 1 from touchpoints)"
_NEXT_IDS = "select name, next_id from id_counters"


def fills_an_empty_base(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the staged batch should become the tables: it is large, and there is nothing yet."""
    (parties,) = con.execute("select count(*) from parties").fetchall()[0]
    if parties < settings.bulk_rows:
        return False
    has_people, has_touchpoints = _ask(connection, _HAS_PEOPLE)
    return not has_people and not has_touchpoints


def outweigh_the_base(
    settings: Settings, database: Database, connection: Connection[Any], import_ids: Sequence[str]
) -> bool:
    """Whether the staged imports, none applied before, have together more parties than there are persons."""
    parties = sum(count_staged(settings, import_id, "parties") for import_id in import_ids)
    if parties < settings.bulk_rows or parties < _ask(connection, _PERSONS)[0]:
        return False
    if any(records.get(database, import_id).inserted_count is not None for import_id in import_ids):
        return False
    return not _ask(connection, _HAS_PEOPLE)[1]


def apply_to_empty(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    tell: Callable[[str], None],
) -> ApplyResult:
    """Apply one import to tables without people."""
    shadow.create(connection, PEOPLE_TABLES)
    resolve(TablesKnown(connection), con, import_id, lambda count: 1, tell)
    connection.commit()
    with transaction(connection):  # as listings are: there before their people
        marked = mark(settings, database, connection, con, import_id)
    tell("writing")
    with ExitStack() as stack:
        loads = _open_loads(database, stack)
        writer = CanonicalWriter(ShadowSink(con, loads), con, import_id, now())
        writer.write()
        operations = row_operations(con)
        writer.counts["marked"] = marked.total
        _require_conserved(connection, import_id, operations)
        _list_numbers(settings, connection, con, "phones")
        _complete_shadows(loads)
    tell("putting in place")
    shadow.swap(connection, PEOPLE_TABLES)
    with transaction(connection):
        changes.all_changed(connection)
        return finish(connection, import_id, operations, writer.counts)


def apply_together(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    import_ids: Sequence[str],
    tell: Callable[[str, str], None],
) -> dict[str, ApplyResult | CmError]:
    """Apply several imports at one instant; what became of each, or why it fell out."""
    outcomes: dict[str, ApplyResult | CmError] = {}
    pending: dict[str, tuple[tuple[int, int, int], Counter[str]]] = {}
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bulk-", dir=settings.scratch_dir) as folder,
        session(settings, memory_limit=settings.compute_memory_limit, database=Path(folder) / "people.duckdb") as con,
    ):
        StateSink.create_tables(con)
        _read_base(connection, con)
        sink = StateSink(con, _next_ids(connection))
        for import_id in import_ids:
            try:
                with pipeline.failing(settings, database, import_id):
                    pending[import_id] = _apply_to_state(settings, database, con, sink, import_id, tell)
            except CmError as error:
                outcomes[import_id] = error
        if not pending:
            return outcomes
        try:
            with ExitStack() as every:  # what goes wrong from here on, goes wrong for all
                for import_id in pending:
                    every.enter_context(pipeline.failing(settings, database, import_id))
                for import_id, (_, counts) in pending.items():
                    with transaction(connection):  # as listings are: there before their people
                        counts["marked"] = mark(settings, database, connection, con, import_id).total
                _publish(settings, database, connection, con, next(reversed(pending)), tell)
                with transaction(connection):
                    changes.all_changed(connection)
                    for import_id, (operations, counts) in pending.items():
                        outcomes[import_id] = finish(connection, import_id, operations, counts)
        except CmError as error:
            outcomes |= dict.fromkeys(pending, error)
    return outcomes


def finish(
    connection: Connection[Any], import_id: str, operations: tuple[int, int, int], counts: Mapping[str, int]
) -> ApplyResult:
    """Log the operations (seed D3, step 4) and mark the import COMPLETE; the caller commits."""
    inserted, updated, skipped = operations
    records.audit(connection, import_id, "UPDATE", counts["persons_changed"])
    records.audit(connection, import_id, "INSERT", counts["persons_new"])
    records.complete(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    with connection.cursor() as cursor:
        cursor.execute("select error_count from import_metadata where import_id = %s", (import_id,))
        row = cursor.fetchone()
    errors = int(row[0] or 0) if row else 0
    return ApplyResult(
        import_id, inserted, updated, skipped, errors, counts["persons_new"], counts["persons_changed"],
        counts.get("marked", 0), {name: count for name, count in counts.items() if name != "marked"},
    )  # fmt: skip


def _apply_to_state(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    sink: StateSink,
    import_id: str,
    tell: Callable[[str, str], None],
) -> tuple[tuple[int, int, int], Counter[str]]:
    """Resolve one import against the state and write it there, all or nothing."""
    with closing(database.connect()) as connection:
        records.set_status(connection, import_id, "APPLYING")
        connection.commit()
    prepare(settings, database, con, import_id)
    con.execute("begin")
    try:
        resolve(StateKnown(), con, import_id, lambda count: sink.next_id("persons"), lambda step: tell(import_id, step))
        (persons,) = con.execute("select count(*) from new_groups").fetchall()[0]
        writer = CanonicalWriter(sink, con, import_id, now())
        writer.write()
        operations = row_operations(con)
        with closing(database.connect()) as connection:
            _require_conserved(connection, import_id, operations)
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    sink.take_ids("persons", persons)
    for table, count in writer.used.items():
        sink.take_ids(table, count)
    return operations, writer.counts


def _require_conserved(connection: Connection[Any], import_id: str, operations: tuple[int, int, int]) -> None:
    """Before anything is put in place: see `records.require_conserved`."""
    inserted, updated, skipped = operations
    records.require_conserved(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    connection.commit()


def _publish(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    last: str,
    tell: Callable[[str, str], None],
) -> None:
    """Load the state, as the import `last` left it, into shadows and put them in place."""
    tell(last, "writing")
    shadow.create(connection, PEOPLE_TABLES)
    with ExitStack() as stack:
        loads = _open_loads(database, stack)
        for position, table in enumerate(PEOPLE_TABLES):
            _load_table(con, table, loads[position % len(loads)])
        _list_numbers(settings, connection, con, f"{STATE}.phone_numbers")
        _complete_shadows(loads)
    tell(last, "putting in place")
    shadow.swap(connection, PEOPLE_TABLES)


def _load_table(con: duckdb.DuckDBPyConnection, table: str, loads: Loads) -> None:
    """The rows of a table of the state, a range at a time, by primary key."""
    columns = arrow_schema(table).names
    names = ", ".join(f'"{name}"' for name in columns)
    if "id" not in columns:
        loads.load(con, f"select {names} from {STATE}.{table} order by all", shadow.shadow_of(table), columns)
        return
    (last,) = con.execute(f"select coalesce(max(id), 0) from {STATE}.{table}").fetchall()[0]
    for first in range(1, last + 1, _ROWS_AT_ONCE):
        loads.load(
            con, f"select {names} from {STATE}.{table} where id between ? and ? order by id", shadow.shadow_of(table),
            columns, params=[first, first + _ROWS_AT_ONCE - 1],
        )  # fmt: skip


def _open_loads(database: Database, stack: ExitStack) -> list[Loads]:
    return [
        stack.enter_context(Loads(stack.enter_context(closing(database.connect(autocommit=True)))))
        for _ in range(_CONNECTIONS)
    ]


def _list_numbers(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, phones: str) -> None:
    """The do-not-call listings of the numbers in a DuckDB table: there before the phones are, never after them."""
    with transaction(connection):
        list_new_numbers(settings, connection, con, f"select distinct phone_e164 from {phones}")


def _complete_shadows(loads: Sequence[Loads]) -> None:
    """Indexes, and on contact points whether they are listed, behind the rows of each table."""
    for position, table in enumerate(PEOPLE_TABLES):
        of_table = loads[position % len(loads)]
        of_table.call(lambda connection, table=table: shadow.add_indexes(connection, table))  # type: ignore[misc]
        of_table.call(lambda connection, table=table: refresh_contact_status(connection, shadow_of=table))  # type: ignore[misc]


def _read_base(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> None:
    """What MySQL knows of people, into the state."""
    for table in PEOPLE_TABLES:
        schema = arrow_schema(table)
        columns = ", ".join(f"`{name}`" for name in schema.names)
        fetch(connection, f"select {columns} from {table}", (), con, f"{STATE}.{table}", schema)
    connection.commit()


def _next_ids(connection: Connection[Any]) -> dict[str, int]:
    """The next free id of each table: 1 where none was given yet."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_IDS)
        found = {name: int(next_id) for name, next_id in cursor.fetchall()}
    connection.commit()
    return {table: found.get(table, 1) for table in ("persons", *(target.table for target in TARGETS))}


def _ask(connection: Connection[Any], query: str) -> tuple[Any, ...]:
    """The only row of a query; no transaction stays open, which would hold up a RENAME."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    connection.commit()
    assert row is not None
    return tuple(row)
