"""What staged rows say, by list and area code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from cm_core.compliance.dnc.staged import SaidList, read_said
from cm_core.errors import FileRejected

SEPTEMBER = datetime(2026, 9, 1)
Read = Callable[..., list[SaidList]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(*queries: str) -> list[SaidList]:
        paths = []
        with duckdb.connect() as con:
            for number, query in enumerate(queries):
                paths.append(str(tmp_path / f"dnc {number}'s.parquet"))
                path = paths[-1].replace("'", "''")
                con.execute(f"copy (select row_number() over () as row_number, * from ({query})) to '{path}'")
            return read_said(con, paths, tmp_path, SEPTEMBER)

    return read


def _staged(*rows: str) -> str:
    return f"select * from (values {', '.join(rows)}) as t(number, listing_date, source, action, changed_at)"


def _changes(*rows: tuple[str, str | None]) -> str:
    """Changes of one number: action and time."""
    times = [f"timestamp '{time}'" if time else "null::timestamp" for _, time in rows]
    return _staged(*(f"(4055550101, null::date, 'n', '{a}', {time})" for (a, _), time in zip(rows, times, strict=True)))


def test_each_list_of_a_file_has_its_numbers(read: Read) -> None:
    made = read(
        _staged(
            "(4055550101, date '2020-01-01', 'national', null, null)", "(9185550101, null, 'national', null, null)",
            "(4055550102, null, 'tx_state', null, null)", "(4055550101, date '2021-01-01', 'national', null, null)",
        )
    )  # fmt: skip
    assert [(said.source, said.rows, said.is_change_list, said.area_codes) for said in made] == [
        ("national", 3, False, {"405": 2, "918": 1}),
        ("tx_state", 1, False, {"405": 1}),
    ]
    assert made[0].numbers("405").number.tolist() == [4055550101]
    assert [str(day) for day in made[0].numbers("405").listing_date] == ["2021-01-01"]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([("A", "2026-08-01"), ("D", "2026-08-02")], "deleted"),
        ([("D", "2026-08-02"), ("A", "2026-08-01")], "deleted"),  # whatever their order in the file
        ([("A", "2026-08-02"), ("D", "2026-08-01")], "listed"),
        ([("A", "2026-08-01"), ("D", "2026-08-01")], "listed"),  # at one moment: whom a list may have, it has
        ([("D", "2026-08-01"), ("A", "2026-08-01")], "listed"),
        ([("A", None), ("D", None)], "deleted"),  # without times, the order of the file
        ([("D", None), ("A", None)], "listed"),
        ([("D", None), ("A", "2026-08-01")], "deleted"),  # as of the list's own date
    ],
)
def test_the_last_change_of_a_number_counts(read: Read, rows: list[tuple[str, str | None]], kind: str) -> None:
    (said,) = read(_changes(*rows))
    assert said.is_change_list
    assert (len(said.numbers("405")), len(said.deleted("405"))) == ((1, 0) if kind == "listed" else (0, 1))


def test_rows_staged_before_lists_had_versions_are_read(read: Read) -> None:
    old = (
        "select * from (values ('+14055550101', date '2020-01-01', 'National '), ('+447700900123', null, 'x')) "
        "as t(phone_e164, listing_date, source)"
    )
    said, other = read(old, _staged("(4055550102, null::date, 'national', null::varchar, null::timestamp)"))
    assert (said.source, said.numbers("405").number.tolist()) == ("national", [4055550101, 4055550102])
    assert (other.source, other.rows, other.area_codes) == ("x", 1, {})  # no US number


def test_a_file_of_very_many_lists_is_refused(read: Read) -> None:
    many = "select 4055550101 as number, null::date as listing_date, 'list' || i as source, null::varchar as action, "
    with pytest.raises(FileRejected, match="names 51 lists, more than 50"):
        read(f"{many} null::timestamp as changed_at from range(51) as t(i)")
