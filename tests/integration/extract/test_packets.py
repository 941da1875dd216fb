"""Rows read in bulk are the rows that the driver's own cursor gives, whatever their sizes and however they are torn."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from cm_core.errors import DatabaseUnavailable
from cm_core.store import Database
from cm_core.store.packets import read_rows
from tests.integration.extract.conftest import Run

#: Where the form of a value's length changes.
_EDGES = (0, 1, 250, 251, 252, 255, 256, 65_535, 65_536)
#: Where a row no longer fits into one packet: a value takes four bytes for its length.
_PACKET = 0xFFFFFF - 4


def _both(legacy: Database, statement: str, **options: Any) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int]:
    """Rows read in bulk, rows of the cursor, and the number of batches."""
    with legacy.connect() as connection:
        batches = [pa.RecordBatch.from_arrays(arrays, names=list(map(str, range(len(arrays))))) for arrays in
                   read_rows(connection, statement, **options)]  # fmt: skip
        for batch in batches:
            batch.validate(full=True)
        bulk = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        with connection.cursor() as cursor:  # the connection is good for the next statement
            cursor.execute(statement)
            return bulk, list(cursor.fetchall()), len(batches)


@pytest.mark.parametrize("buffer_bytes", [1, 100, 5_000, 4 << 20])
def test_values_of_all_sizes_and_nulls_through_buffers_of_any_size(
    run: Run, legacy: Database, buffer_bytes: int
) -> None:
    pick = random.Random(5)
    rows = [
        tuple(pick.choice((None, "", "x", "\u00e9\U0001f600" * 9, "y" * pick.choice(_EDGES[:7]))) for _ in range(4))
        for _ in range(500)
    ] + [("z" * size, None, "", "z" * size) for size in _EDGES]  # fmt: skip
    run("create table people (id int auto_increment primary key, a longtext, b longtext, c longtext, d longtext)")
    values = ", ".join(
        "(" + ", ".join("null" if value is None else f"'{value}'" for value in row) + ")" for row in rows
    )
    run(f"insert into people (a, b, c, d) values {values}")
    bulk, expected, batches = _both(legacy, "select a, b, c, d from people order by id", buffer_bytes=buffer_bytes)
    assert bulk == expected == rows
    assert (batches > 1) == (buffer_bytes < 4 << 20)


@pytest.mark.parametrize("size", [_PACKET - 1, _PACKET, _PACKET + 1, 2 * 0xFFFFFF - 4, 2 * 0xFFFFFF - 9, 40_000_000])
def test_a_row_of_several_packets(legacy: Database, size: int) -> None:
    statement = f"select 'before', null union all select repeat('x', {size}), 'last' union all select 'after', ''"
    with legacy.connect() as connection:
        found = [
            (value, last)
            for arrays in read_rows(connection, statement)
            for value, last in zip(arrays[0].to_pylist(), arrays[1].to_pylist(), strict=True)
        ]
    assert [(len(value), set(value[:9]), last) for value, last in found if value[0] == "x"] == [(size, {"x"}, "last")]
    assert [row for row in found if row[0][0] != "x"] == [("before", None), ("after", "")]


def test_no_rows_no_columns_and_errors(run: Run, legacy: Database) -> None:
    run("create table people (id int primary key)")
    with legacy.connect() as connection:
        assert list(read_rows(connection, "select * from people")) == []
        assert list(read_rows(connection, "set @a = 1")) == []
        with pytest.raises(pymysql.err.ProgrammingError, match="nowhere"):
            list(read_rows(connection, "select * from nowhere"))
        assert [arrays[0].to_pylist() for arrays in read_rows(connection, "select 1")] == [["1"]]


def test_an_error_after_the_first_rows_is_raised(run: Run, legacy: Database) -> None:
    run("create table people (id int primary key)", "insert into people values (1), (2), (3)")
    twice = "select id, (select id from people b where b.id = a.id or a.id = 3) from people a order by id"
    with legacy.connect() as connection, pytest.raises(pymysql.err.OperationalError, match="more than 1 row"):
        list(read_rows(connection, twice))


def test_a_connection_that_is_left_in_the_middle_is_closed(run: Run, legacy: Database) -> None:
    with legacy.connect() as connection:
        for _ in read_rows(
            connection, "select 1 union all select 2 union all select repeat('x', 9000)", buffer_bytes=1
        ):
            break
        assert not connection.open


def test_a_silent_server_is_not_waited_for_for_ever(legacy: Database) -> None:
    with legacy.connect() as connection, pytest.raises(DatabaseUnavailable, match="timed out"):
        list(read_rows(connection, "select sleep(9)", timeout_s=0.2))
