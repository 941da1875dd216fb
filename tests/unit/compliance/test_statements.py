"""The DuckDB queries over staged lists: one row per fact."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from cm_core.compliance import fact_statements


def _rows(query: str, values: str, path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        con.execute(f"copy (from (values {values})) to '{path}' (format parquet)")
        return con.execute(query, [str(path)]).fetchall()


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
