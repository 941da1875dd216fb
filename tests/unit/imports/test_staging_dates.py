"""Dates of lists: how they may be written, and which century a year of two digits is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from cm_core.compute import session, sql
from cm_core.imports.content import is_date
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.mapping import map_columns
from cm_core.imports.reader import Batch
from cm_core.imports.staging import load_chunk, stage_contacts
from cm_core.imports.staging_suppressions import stage_dnc
from cm_core.settings import Settings

LISTED = datetime(2026, 3, 1, 12)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(Settings(home=tmp_path), threads=1) as connection:
        connection.execute(sql("cm_core.imports", "dates.sql"))
        yield connection


MOMENTS = {
    "2026-02-03": datetime(2026, 2, 3), "2026-02-03 04:05:06": datetime(2026, 2, 3, 4, 5, 6), "2026-02-30": None,
    "2026-02-03T04:05:06": datetime(2026, 2, 3, 4, 5, 6), "2026-02-03T04:05:06+02:00": datetime(2026, 2, 3, 2, 5, 6),
    "2026-02-03 4:05 PM": datetime(2026, 2, 3, 16, 5), "2/3/2026": datetime(2026, 2, 3),
    "02-03-2026": datetime(2026, 2, 3), "20260203": datetime(2026, 2, 3), "3-Feb-2026": datetime(2026, 2, 3),
    "Feb 3, 2026": datetime(2026, 2, 3), "2/3/26": datetime(2026, 2, 3), "2-3-26": datetime(2026, 2, 3),
    "3-Feb-26": datetime(2026, 2, 3), "03-FEB-26": datetime(2026, 2, 3), "2/3/26 4:05 PM": datetime(2026, 2, 3, 16, 5),
    "12/31/99": datetime(1999, 12, 31), "13/1/26": None, "soon": None, "infinity": None, "epoch": None,
}  # fmt: skip


def test_moments(con: duckdb.DuckDBPyConnection) -> None:
    read = con.execute("select t, moment_of(t) from unnest(?) as texts(t)", [list(MOMENTS)]).fetchall()
    assert dict(read) == MOMENTS


def test_what_a_column_is_known_by_is_read(con: duckdb.DuckDBPyConnection) -> None:
    known = [text for text in MOMENTS if is_date(text)]
    assert {"2/3/26", "2/3/2026", "3-Feb-26", "3-Feb-2026", "20260203", "Feb 3, 2026"} <= {*known}
    assert not [text for text in known if MOMENTS[text] is None]


def test_the_first_days_of_spreadsheets_are_nobodys_birthday(con: duckdb.DuckDBPyConnection) -> None:
    births = {"12/30/1899": None, "1/1/1900": None, "1900-01-01 00:00:00": None, "1/2/1900": date(1900, 1, 2)}
    birth = "birth_of(t, moment_of(t), timestamp '2026-03-01')::date"
    assert dict(con.execute(f"select t, {birth} from unnest(?) as texts(t)", [list(births)]).fetchall()) == births


def test_years_of_two_digits_in_a_list_of_people(con: duckdb.DuckDBPyConnection) -> None:
    births = ["2/2/41", "3-Mar-40", "2/2/85", "2/2/16", "2/2/26", "2/2/1926", "1/1/2020"]
    headers = ["Name", "DOB", "Last Updated"]
    rows = pa.table({
        "row_number": pa.array(range(1, len(births) + 1), pa.int64()),
        "c0": ["Ann Able"] * len(births), "c1": births, "c2": ["2/2/25"] * len(births),
    })  # fmt: skip
    load_chunk(con, [Batch(rows, ())])
    stage_contacts(con, map_columns(headers, load_feed("contacts")), headers, LISTED)
    dated = con.execute("select date_of_birth, source_date from rows_dated order by row_number").fetchall()
    assert [birth for birth, _ in dated] == [
        date(1941, 2, 2), date(1940, 3, 3), date(1985, 2, 2), date(2016, 2, 2), None, date(1926, 2, 2),
        date(2020, 1, 1),
    ]  # fmt: skip
    assert {moment for _, moment in dated} == {datetime(2025, 2, 2)}
    findings = "select row_number, error_type, field_name from findings where row_status is distinct from 'rejected'"
    assert con.execute(findings).fetchall() == [(5, "TYPE", "date_of_birth")]


def test_the_date_of_a_listing_has_its_century(con: duckdb.DuckDBPyConnection) -> None:
    feed, headers = load_feed("dnc_registry"), ["Phone", "Date"]
    load_chunk(con, [Batch(pa.table({"row_number": [1], "c0": ["4053211001"], "c1": ["2/2/25"]}), ())])
    stage_dnc(con, feed, map_columns(headers, feed), headers, LISTED)
    assert con.execute("select listing_date from dnc").fetchall() == [(date(2025, 2, 2),)]
