"""Bulk loads carry any value unchanged between DuckDB and MySQL, and a value that does not fit is an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cm_core.compute import session
from cm_core.errors import ImportFailed
from cm_core.settings import Settings
from cm_core.store import Database, bulk

HOSTILE = [
    None,
    "",
    "NULL",
    "null",
    "\\N",
    "\\",
    "ends with \\",
    '"',
    '""',
    '"NULL"',
    '","',
    '",\n"',
    '\\"',
    '"\\',
    "it's",
    "\r",
    "\r\n",
    "\n",
    "\t",
    "a\x00b",
    "\x00",
    "\x1a",
    " lead and trail ",
    "\ufeff",
    "\u2028",
    "é",
    "😀",
    "Z" * 1_000_000,
]
#: Pieces that CSV and LOAD DATA give a meaning to, so that hypothesis meets their combinations often.
_PIECES = st.sampled_from(
    ['"', '""', ",", "\n", "\r", "\\", "\\N", "NULL", "\x00", "'", "%", "%s", "😀", "\t", " ", "a"]
)
_TEXT = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.lists(_PIECES, max_size=8).map("".join)
)

_TABLE = """
create temporary table {name} (
    id bigint primary key, txt longtext, flag boolean, moment datetime(6), day date, amount decimal(18, 6),
    ratio double, bytes longblob, code varchar(5) character set ascii collate ascii_bin
)
"""


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A compute session, as the pipeline uses it."""
    with session(Settings(home=tmp_path)) as connection:  # type: ignore[call-arg]
        yield connection


@pytest.fixture
def connection(any_database: Database) -> Iterator[Any]:
    """A connection with the temporary table `t`."""
    with any_database.connect() as opened:
        opened.cursor().execute(_TABLE.format(name="t"))
        yield opened


def _rows(connection: Any, columns: str = "*") -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"select {columns} from t order by id")
        return list(cursor.fetchall())


def _texts(values: list[str | None]) -> pa.Table:
    return pa.table({"id": range(len(values)), "txt": pa.array(values, pa.string())})


def test_hostile_texts_arrive_unchanged(connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    duck.register("source", _texts(HOSTILE))
    assert bulk.load(connection, duck, "select id, txt from source", "t", ["id", "txt"]) == len(HOSTILE)
    assert [row[0] for row in _rows(connection, "txt")] == HOSTILE


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_TEXT, min_size=1, max_size=20))
def test_any_text_arrives_and_comes_back_unchanged(
    connection: Any, duck: duckdb.DuckDBPyConnection, values: list[str | None]
) -> None:
    connection.cursor().execute("delete from t")
    duck.register("source", _texts(values))
    bulk.load(connection, duck, "select id, txt, encode(txt) from source", "t", ["id", "txt", "bytes"])
    expected = [(value, None if value is None else value.encode()) for value in values]
    assert _rows(connection, "txt, bytes") == expected
    duck.execute("drop table if exists back")
    schema = pa.schema([("id", pa.int64()), ("txt", pa.string()), ("bytes", pa.binary())])
    assert bulk.fetch(connection, "select id, txt, bytes from t", (), duck, "back", schema) == len(values)
    assert duck.execute("select txt, bytes from back order by id").fetchall() == expected


def test_every_type_arrives_and_comes_back(connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    row = (
        1,
        '{"a":[1,null]}',
        1,
        dt.datetime(2024, 2, 29, 23, 59, 59, 999999),
        dt.date(1850, 1, 31),
        Decimal("-123456789.000001"),
        1e-07,
        b"\x00\xff\"',\\\n",
        "A-1",
    )
    query = """
        -- every type the pipeline loads
        with one as (select 1 as id)
        select id, {'a': [1, null]}, true, timestamptz '2024-02-29 23:59:59.999999+00', date '1850-01-31',
               -123456789.000001::decimal(18, 6), 1e-7::double, $bytes::blob, 'A-1'
        from one
        union all
        select 2, null, false, null, null, null, null, null, null; -- nothing else
    """
    columns = ["id", "txt", "flag", "moment", "day", "amount", "ratio", "bytes", "code"]
    query = query.strip().removesuffix("-- nothing else").rstrip()
    assert bulk.load(connection, duck, query, "t", columns, params={"bytes": row[7]}) == 2
    assert _rows(connection) == [row, (2, None, 0, *[None] * 6)]
    schema = pa.schema(
        [
            ("id", pa.int32()),
            ("txt", pa.string()),
            ("flag", pa.bool_()),
            ("moment", pa.timestamp("us")),
            ("day", pa.date32()),
            ("amount", pa.decimal128(18, 6)),
            ("ratio", pa.float64()),
            ("bytes", pa.binary()),
            ("code", pa.string()),
        ]
    )
    assert bulk.fetch(connection, "select * from t where id = %s", [1], duck, "back", schema) == 1
    assert duck.execute("from back").fetchall() == [row]
    with connection.cursor() as cursor:  # the connection converts values again
        cursor.execute("select moment from t where id = 1")
        assert cursor.fetchall() == ((row[3],),)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 1, 'toolong'", "too long|truncated"),
        ("select 1, 'é'", "Incorrect string value"),
        ("select 0, 'a'", "Duplicate entry"),
        ("select null, 'a'", "NULL"),
        ("select 'one', 'a'", "Incorrect integer"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(
    connection: Any, duck: duckdb.DuckDBPyConnection, query: str, said: str
) -> None:
    connection.cursor().execute("insert into t (id) values (0)")
    with pytest.raises(ImportFailed, match=f"(?s)into t went wrong.*{said}"):
        bulk.load(connection, duck, query, "t", ["id", "code"])


def test_a_missing_parent_is_an_error(any_database: Database, duck: duckdb.DuckDBPyConnection) -> None:
    columns = ["id", "person_id", "phone_key", "phone_raw", "source_date", "first_import_id", "last_import_id"]
    query = "select 1, 99, 'k', 'r', timestamp '2024-01-01', 'i', 'i'"
    with any_database.connect() as connection, pytest.raises(ImportFailed, match="foreign key"):
        bulk.load(connection, duck, query, "phone_numbers", columns)


def test_nothing_is_committed(any_database: Database, duck: duckdb.DuckDBPyConnection) -> None:
    with any_database.connect() as connection, any_database.connect() as other:
        bulk.load(connection, duck, "select 'a', 1", "id_counters", ["name", "next_id"])
        with other.cursor() as cursor:
            cursor.execute("select count(*) from id_counters")
            assert cursor.fetchall() == ((0,),)


def test_no_rows_are_no_work(connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    assert bulk.load(connection, duck, "select 1, 'a' where false", "t", ["id", "txt"]) == 0
    schema = pa.schema([("id", pa.int64())])
    assert bulk.fetch(connection, "select id from t", (), duck, "back", schema) == 0
    assert duck.execute("from back").fetchall() == []


def test_a_wrong_number_of_columns_is_refused(connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="2 columns"):
        bulk.load(connection, duck, "select 1, 'a'", "t", ["id"])
    with pytest.raises(ValueError, match="9 columns"):
        bulk.fetch(connection, "select * from t", (), duck, "back", pa.schema([("id", pa.int64())]))


def test_scratch_files_are_removed(tmp_path: Path, connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    bulk.load(connection, duck, "select 1, 'a'", "t", ["id", "txt"])
    with pytest.raises(ImportFailed):
        bulk.load(connection, duck, "select 1, 'a'", "t", ["id", "txt"])
    assert not list(tmp_path.rglob("load-*"))


def test_loads_in_the_background_are_done_in_order(connection: Any, duck: duckdb.DuckDBPyConnection) -> None:
    seen: list[int] = []

    def look(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from t")
            seen.append(cursor.fetchone()[0])

    with bulk.Loads(connection) as loads:
        for first in range(0, 50, 10):
            loaded = loads.load(
                duck, "select i, 'x' from range(?, ?) as r(i)", "t", ["id", "txt"], params=[first, first + 10]
            )
            assert loaded == 10
            loads.call(look)
    assert seen == [10, 20, 30, 40, 50]
    with connection.cursor() as cursor:
        cursor.execute("select id from t order by id")
        assert [row[0] for row in cursor.fetchall()] == list(range(50))


def test_after_a_load_that_fails_nothing_more_is_done(
    tmp_path: Path, connection: Any, duck: duckdb.DuckDBPyConnection
) -> None:
    later: list[str] = []

    def load_twice() -> None:
        with bulk.Loads(connection) as loads:
            loads.load(duck, "select 1, 'a'", "t", ["id", "txt"])
            loads.load(duck, "select 1, 'again'", "t", ["id", "txt"])
            for _ in range(bulk.LOADS_AHEAD + 2):
                loads.call(lambda connection: later.append("done"))

    with pytest.raises(ImportFailed, match="Loading 1 rows into t"):
        load_twice()
    assert not later
    assert not list(tmp_path.rglob("load-*"))


def test_an_error_while_loads_are_under_way_ends_them(
    tmp_path: Path, connection: Any, duck: duckdb.DuckDBPyConnection
) -> None:
    def fail() -> None:
        with bulk.Loads(connection) as loads:
            loads.load(duck, "select i, 'a' from range(1000) as r(i)", "t", ["id", "txt"])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from t")  # the connection is free, and usable
        assert cursor.fetchone()[0] == 0
    assert not list(tmp_path.rglob("load-*"))
