"""Pages of the stand-in's tables: each row once and in order, whatever the order, the window and the filters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.pipedrive.errors import ApiError
from tests.servers.pipedrive.tables import Table

_TIMES = st.integers(0, 9).map(lambda second: f"2026-01-01T00:00:0{second}Z")


def _table(times: list[str], *, one_by_one: bool) -> Table:
    table = Table(sort_fields=("id", "update_time"), listed=lambda row: not row["is_deleted"])
    rows = [{"id": table.new_id(), "update_time": time, "is_deleted": False} for time in times]
    if one_by_one:
        for row in rows:
            table.put(row)
    else:
        table.load(rows)
    return table


def _walk(table: Table, **arguments: Any) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        rows, cursor = table.page(cursor=cursor, **arguments)
        found += [row["id"] for row in rows]
        if cursor is None:
            return found


@given(
    times=st.lists(_TIMES, max_size=30),
    one_by_one=st.booleans(),
    limit=st.integers(1, 7),
    sort_by=st.sampled_from(["id", "update_time"]),
    descending=st.booleans(),
    since=st.none() | _TIMES,
    until=st.none() | _TIMES,
)
def test_pages_give_each_row_of_the_window_once_and_in_order(
    times: list[str],
    one_by_one: bool,
    limit: int,
    sort_by: str,
    descending: bool,
    since: str | None,
    until: str | None,
) -> None:
    table = _table(times, one_by_one=one_by_one)
    window = [
        row
        for row in table.rows.values()
        if (since is None or row["update_time"] >= since) and (until is None or row["update_time"] < until)
    ]
    expected = sorted(window, key=lambda row: (row[sort_by], row["id"]), reverse=descending)
    found = _walk(table, limit=limit, sort_by=sort_by, descending=descending, since=since, until=until)
    assert found == [row["id"] for row in expected]


def test_a_changed_row_moves_in_every_order_and_a_deleted_one_leaves() -> None:
    table = _table(["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"], one_by_one=False)
    table.put({**table.rows[1], "update_time": "2026-01-01T00:00:03Z"})
    assert _walk(table, sort_by="update_time") == [2, 1]
    table.put({**table.rows[2], "is_deleted": True})
    assert _walk(table) == [1]
    assert 2 in table.rows


@pytest.mark.parametrize("cursor", ["x", "", "bm90IGpzb24", "eyJmaWVsZCI6ImlkIn0"])
def test_a_cursor_that_was_never_given_out_is_refused(cursor: str) -> None:
    table = _table(["2026-01-01T00:00:01Z"], one_by_one=False)
    with pytest.raises(ApiError) as refused:
        table.page(cursor=cursor)
    assert refused.value.status == 400


def test_a_cursor_of_another_order_is_refused() -> None:
    table = _table(["2026-01-01T00:00:01Z"] * 3, one_by_one=False)
    _, cursor = table.page(limit=1)
    with pytest.raises(ApiError, match="order"):
        table.page(limit=1, sort_by="update_time", cursor=cursor)
