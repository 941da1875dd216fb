"""`dnc_registry` in MySQL: the listings of numbers that people here have, kept in step with the lists in the lake.

Two occasions, each in its own transaction under the writer lock: a list changes (`write_changes`), or people come with
numbers that were listed all the time (`list_new_phones`, `list_new_numbers`). So there is never a held, listed number
without its row; `count_unlisted` holds that against the lake, and `list_held_numbers` mends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compliance.applying import WRITER_TIMEOUT_S
from cm_core.compliance.dnc import statements
from cm_core.compliance.dnc.lists import AreaList, area_codes_of, as_numbers, e164, in_force, look_up
from cm_core.compliance.dnc.sets import Array, Numbers, is_in
from cm_core.compute import session, sql
from cm_core.settings import Settings
from cm_core.store import changes
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.locks import WRITER_LOCK, looking, named_lock, transaction

#: The list of numbers that lists of contacts call listed, on whatever registry.
REPORTED = "reported"
#: Held numbers of area codes whose lists have changed from which everything is said to have changed.
EVERYTHING = 100_000
_HELD = pa.schema([("number", pa.int64())])
_KNOWN = pa.schema(
    [
        ("number", pa.int64()), ("listing_date", pa.date32()), ("removed_at", pa.timestamp("us")),
        ("last_import_id", pa.string()),
    ]
)  # fmt: skip
_LISTED = pa.schema([("phone_e164", pa.string()), ("source", pa.string())])
_NEW_PHONES = pa.schema([("phone_e164", pa.string())])
_COLUMNS = (
    "phone_e164", "source", "is_new", "is_change", "listing_date", "listed_from", "removed_at", "import_id",
)  # fmt: skip
_LOAD_DELTA = f"select {', '.join(_COLUMNS)} from delta order by phone_e164, source"


class HeldNumbers:
    """The numbers of some area codes that concern one list: those that people here have, and those with a row of it."""

    def __init__(
        self, connection: Connection[Any], con: duckdb.DuckDBPyConnection, source: str, areas: Sequence[str]
    ) -> None:
        self._con = con
        condition, bounds = statements.ranges(areas)
        for table in ("held", "known"):
            con.execute(f"drop table if exists {table}")
        fetch(connection, statements.HELD.format(ranges=condition), bounds, con, "held", _HELD)
        known = statements.KNOWN.format(ranges=condition)
        fetch(connection, known, (source, *bounds), con, "known", _KNOWN)
        numbers = con.sql("select number from held union select number from known order by 1").to_arrow_table()
        self.numbers: Array = numbers["number"].to_numpy()
        self.held: Array = con.sql("select number from held order by 1").to_arrow_table()["number"].to_numpy()
        self._listed: list[pa.Table] = []

    def see(self, numbers: Numbers, said: Numbers, *, takes_out: bool, area_code: str) -> None:
        """The numbers of an area code from now on, of which the list itself says `said`."""
        ours = numbers.where(is_in(numbers.number, self.numbers))
        self._listed.append(
            pa.table(
                {
                    "number": pa.array(ours.number, pa.int64()),
                    "since": pa.array(ours.since, pa.timestamp("us")),
                    "listing_date": pa.array(ours.listing_date, pa.date32()),
                    "is_said": pa.array(is_in(ours.number, said.number)),
                }
            )
        )
        self._con.execute("create table if not exists seen_areas (area_code bigint, takes_out boolean)")
        self._con.execute("insert into seen_areas values (?, ?)", [int(area_code), takes_out])

    def find_changes(self, source: str, import_id: str, obtained_at: datetime) -> None:
        """Add to the DuckDB table `delta` what the area codes seen change in `dnc_registry`."""
        create_delta(self._con)
        if self._listed:
            self._con.register("listed_now", pa.concat_tables(self._listed))
            parameters = {"source": source, "import_id": import_id, "obtained_at": obtained_at}
            self._con.execute(sql(__package__, "listing_changes.sql"), parameters)
            self._con.unregister("listed_now")
            self._con.execute("drop table seen_areas")


def create_delta(con: duckdb.DuckDBPyConnection) -> None:
    """Make `delta` unless it is there: rows of `dnc_registry` as they are to be."""
    con.execute(
        "create table if not exists delta (phone_e164 varchar, source varchar, is_new boolean, is_change boolean, "
        "listing_date date, listed_from timestamp, removed_at timestamp, import_id varchar)"
    )


def write_changes(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> int:
    """Bring `delta` into `dnc_registry`, mark phones, and note whose verdicts change; how many phones were marked.

    In the caller's transaction.
    """
    _load_delta(connection, con)
    with connection.cursor() as cursor:
        cursor.execute(statements.INSERT_LISTINGS)
        cursor.execute(statements.UPDATE_LISTINGS)
        marked: int = cursor.execute(statements.MARK_PHONES)
        changes.holders_changed(connection, "phone", "dnc_changed", "phone_e164")
        cursor.execute(statements.DROP_TEMPORARY_TABLES)
    return marked


def note_new_coverage(connection: Connection[Any], areas: Sequence[str], held: int, *, is_first: bool) -> None:
    """Note that the verdicts of all `held` numbers of the area codes change: their lists are newer, or there at last.

    Those of unlisted numbers too: how long they hold depends on the age of the list. That a list is held at all
    (`is_first`: it was not before) may also concern people with numbers of other area codes, by their state.
    """
    if not areas or not (held or is_first):
        return
    if held > EVERYTHING or is_first:
        changes.all_changed(connection)
        return
    for area in areas:
        changes.phones_changed(connection, f"+1{area}0000000", f"+1{area}9999999")


def list_new_phones(
    settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, phone_ids: tuple[int, int]
) -> int:
    """Give `dnc_registry` the rows of new phones (first and last id) that are on a list; how many listings were found.

    In the caller's transaction, which has inserted the phones, under the writer lock. Without a list in the lake it is
    one small query; with some, only the files of the new numbers' area codes are looked at.
    """
    if not _any_list(connection):
        return 0
    con.execute("drop table if exists new_phones")
    fetch(connection, statements.NEW_PHONES, phone_ids, con, "new_phones", _NEW_PHONES)
    numbers = as_numbers(con.sql("select phone_e164 from new_phones"))
    con.execute("drop table new_phones")
    found = _list(settings, connection, con, numbers)
    if found:
        changes.holders_changed(connection, "phone", "dnc_changed", "phone_e164")
        with connection.cursor() as cursor:
            cursor.execute(statements.DROP_TEMPORARY_TABLES)
    return found


def list_new_numbers(
    settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, query: str
) -> int:
    """The same for numbers that are about to be held: those of a DuckDB `query` with a column `phone_e164`.

    For tables of people that are put in place by a RENAME: the rows are there before, in a transaction of the caller's
    that ends before it. Killed in between, a listing has no holder yet, which does no harm.
    """
    if not _any_list(connection):
        return 0
    found = _list(settings, connection, con, as_numbers(con.sql(query)))
    if found:
        changes.all_changed(connection)
        with connection.cursor() as cursor:
            cursor.execute(statements.DROP_TEMPORARY_TABLES)
    return found


def report_numbers(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, query: str, import_id: str, reported_at: datetime
) -> int:
    """Give `dnc_registry` the rows of numbers that a list of contacts calls listed, and mark their phones; how many.

    `query` is DuckDB's, with a column `phone_e164`. They are of the list REPORTED, which nothing takes out of it: no
    version of it is in the lake. In the caller's transaction, under the writer lock.
    """
    con.execute("drop table if exists delta")
    create_delta(con)
    con.execute(
        f"insert into delta by name select phone_e164, ? as source, true as is_new, true as is_change, "
        f"?::timestamp as listed_from, ? as import_id from ({query})",
        [REPORTED, reported_at, import_id],
    )
    try:
        if not con.execute("select exists(from delta)").fetchall()[0][0]:
            return 0
        _load_delta(connection, con)
    finally:
        con.execute("drop table delta")
    with connection.cursor() as cursor:
        cursor.execute(statements.DROP_KNOWN)
        cursor.execute(statements.COUNT_DELTA)
        new = int(cursor.fetchone()[0])
        cursor.execute(statements.LIST_FOUND)
        cursor.execute(statements.MARK_PHONES)
        changes.holders_changed(connection, "phone", "dnc_changed", "phone_e164")
        cursor.execute(statements.DROP_TEMPORARY_TABLES)
    return new


def _any_list(connection: Connection[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statements.ANY_LIST)
        row = cursor.fetchone()
    return bool(row and row[0])


def list_held_numbers(settings: Settings, database: Database) -> int:
    """Give `dnc_registry` the rows that it should have and lacks, and mark their phones; how many it lacked.

    There is nothing to do unless a version of this program has left some out. Raises WriterBusy if another process
    writes for half an hour, StoreError where the lake cannot be read.
    """
    with (
        session(settings) as con,
        closing(database.connect()) as connection,
        named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
        transaction(connection),
    ):
        found = _find_unlisted(settings, connection, con)
        if found:
            _load_delta(connection, con)
            with connection.cursor() as cursor:
                cursor.execute(statements.LIST_FOUND)
                cursor.execute(statements.MARK_PHONES)
                changes.holders_changed(connection, "phone", "dnc_changed", "phone_e164")
                cursor.execute(statements.DROP_TEMPORARY_TABLES)
    return found


def count_unlisted(settings: Settings, database: Database) -> int:
    """How many listings of held numbers are in force in the lake and missing in `dnc_registry`."""
    with session(settings) as con, closing(database.connect()) as connection, looking(connection):
        return _find_unlisted(settings, connection, con)


def _find_unlisted(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> int:
    """Make `delta` of the listings in force of held numbers that `dnc_registry` lacks; how many."""
    lists = in_force(connection)
    if not lists:
        return 0
    condition, bounds = statements.ranges(sorted({each.area_code for each in lists}))
    fetch(connection, statements.HELD.format(ranges=condition), bounds, con, "held", _HELD)
    fetch(connection, statements.LISTED, (), con, "listed", _LISTED)
    numbers = con.sql("select distinct number from held order by 1").to_arrow_table()["number"].to_numpy()
    if not _find(settings, con, lists, numbers):
        return 0
    con.execute("delete from delta as d using listed as l where d.phone_e164 = l.phone_e164 and d.source = l.source")
    return int(con.execute("select count(*) from delta").fetchall()[0][0])


def _list(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, numbers: Array) -> int:
    if not _find(settings, con, in_force(connection, area_codes_of(numbers)), numbers):
        return 0
    count = _load_delta(connection, con)
    with connection.cursor() as cursor:
        cursor.execute(statements.LIST_FOUND)
    return count


def _find(settings: Settings, con: duckdb.DuckDBPyConnection, lists: Sequence[AreaList], numbers: Array) -> bool:
    """Make `delta` of all listings of the numbers; whether there are any."""
    found = [_rows(each, hits) for each, hits in look_up(settings, lists, numbers) if len(hits)]
    if not found:
        return False
    con.execute("drop table if exists delta")
    create_delta(con)
    con.register("found_listings", pa.concat_tables(found))
    con.execute("insert into delta by name from found_listings")
    con.unregister("found_listings")
    return True


def _rows(each: AreaList, found: Numbers) -> pa.Table:
    count = len(found)
    yes = pa.repeat(pa.scalar(True), count)
    return pa.table(
        {
            "phone_e164": e164(found.number),
            "source": pa.repeat(pa.scalar(each.source), count),
            "is_new": yes,
            "is_change": yes,
            "listing_date": pa.array(found.listing_date, pa.date32()),
            "listed_from": pa.array(found.since, pa.timestamp("us")),
            "import_id": pa.repeat(pa.scalar(each.import_id), count),
        }
    )


def _load_delta(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> int:
    """Make `dnc_delta`, and `dnc_changed` of the numbers whose listing changes."""
    with connection.cursor() as cursor:
        for statement in (statements.DROP_TEMPORARY_TABLES, statements.CREATE_DELTA, statements.CREATE_CHANGED):
            cursor.execute(statement)
        count = load(connection, con, _LOAD_DELTA, "dnc_delta", _COLUMNS)
        cursor.execute(statements.FILL_CHANGED)
    return count


def held_in(numbers: Array, areas: Sequence[str]) -> int:
    """How many of these numbers are of these area codes."""
    chosen = np.array(sorted(int(area) for area in areas), np.int64)
    return int(is_in(numbers // 10_000_000, chosen).sum())
