"""The DuckDB queries over staged lists: one row per fact."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb

from cm_core.compliance import fact_statements, statements


def _rows(query: str, values: str, path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        con.execute(f"copy (from (values {values})) to '{path}' (format parquet)")
        return con.execute(query, [str(path)]).fetchall()


def test_a_number_listed_twice_keeps_its_latest_date(tmp_path: Path) -> None:
    values = (
        "(1, '+14055550101', date '2020-01-01', 'national'), (2, '+14055550101', null, 'National '), "
        "(3, '+14055550101', date '2021-01-01', 'national'), (4, '+14055550101', null, 'oklahoma')) "
        "as t(row_number, phone_e164, listing_date, source"
    )
    rows = _rows(statements.STAGED_DNC, values, tmp_path / "dnc.parquet")
    assert sorted(rows, key=str) == [
        ("+14055550101", "national", date(2021, 1, 1)),
        ("+14055550101", "oklahoma", None),
    ]


def test_a_request_repeated_in_the_file_keeps_its_first_row(tmp_path: Path) -> None:
    at = "timestamp '2026-01-05 00:00:00'"
    values = (
        f"(2, 'call', '+14055550101', null, {at}, 'second', 's'), "
        f"(1, 'call', '+14055550101', null, {at}, 'first', 's'), "
        f"(3, 'sms', '+14055550101', null, {at}, null, 's')) "
        "as t(row_number, channel, phone_e164, email_key, opted_out_at, reason, source"
    )
    rows = _rows(fact_statements.STAGED_OPT_OUTS, values, tmp_path / "opt_outs.parquet")
    assert rows == [
        (1, 1, "call", "+14055550101", None, None, None, datetime(2026, 1, 5), "first", "s"),
        (2, 3, "sms", "+14055550101", None, None, None, datetime(2026, 1, 5), None, "s"),
    ]
