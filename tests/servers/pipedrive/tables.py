"""Rows of one kind (persons, deals, activities) with sorted indexes, so that a page never sorts the whole.

An index is a list of (value, id) kept in order by bisection: putting one row into 100 000 moves a block of memory, and
a page starts where its cursor stands.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from tests.servers.pipedrive.errors import bad_request

Row = dict[str, Any]
Key = tuple[Any, int]


class Table:
    """Rows by id, and indexes over those that `listed` accepts."""

    def __init__(self, *, sort_fields: Iterable[str], listed: Callable[[Row], bool]) -> None:
        self.rows: dict[int, Row] = {}
        self._listed = listed
        self._orders: dict[str, list[Key]] = {field: [] for field in sort_fields}
        self._next_id = 1

    def new_id(self) -> int:
        """An id that no row ever had."""
        self._next_id += 1
        return self._next_id - 1

    def put(self, row: Row) -> None:
        """Add a row or take a changed one in place of the old; rows are never changed in place."""
        if old := self.rows.get(row["id"]):
            self._unlist(old)
        self.rows[row["id"]] = row
        self._next_id = max(self._next_id, row["id"] + 1)
        if self._listed(row):
            for field, order in self._orders.items():
                insort(order, _key(row, field))

    def remove(self, row_id: int) -> None:
        """Forget a row for good."""
        self._unlist(self.rows.pop(row_id))

    def load(self, rows: Iterable[Row]) -> None:
        """Add many rows with new ids at once: each index is sorted once."""
        for row in rows:
            self.rows[row["id"]] = row
            self._next_id = max(self._next_id, row["id"] + 1)
        for field, order in self._orders.items():
            order[:] = sorted(_key(row, field) for row in self.rows.values() if self._listed(row))

    def page(
        self,
        *,
        sort_by: str = "id",
        descending: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        where: Callable[[Row], bool] | None = None,
        ids: list[int] | None = None,
    ) -> tuple[list[Row], str | None]:
        """One page and the cursor of the next (None at the end). since <= update_time < until.

        Raises ApiError 400 for a cursor that is not of this order.
        """
        order = self._order(sort_by, since, until, ids)
        first, last = 0, len(order)
        if sort_by == "update_time" and ids is None:
            first, last = _range(order, since, until)
        if cursor is not None:
            after = _decode(cursor, sort_by, descending)
            if descending:
                last = min(last, bisect_left(order, after))
            else:
                first = max(first, bisect_right(order, after))
        places = range(last - 1, first - 1, -1) if descending else range(first, last)
        wanted = (
            row
            for row in (self.rows[order[place][1]] for place in places)
            if (since is None or row["update_time"] >= since)
            and (until is None or row["update_time"] < until)
            and (where is None or where(row))
        )
        page = list(islice(wanted, limit + 1))
        if len(page) <= limit:
            return page, None
        return page[:limit], _encode(page[limit - 1], sort_by, descending)

    def changed_since(self, since: str) -> list[Row]:
        """All rows changed since, deleted ones too, in the order of change."""
        return sorted(
            (row for row in self.rows.values() if row["update_time"] >= since), key=lambda row: _key(row, "update_time")
        )

    def _order(self, sort_by: str, since: str | None, until: str | None, ids: list[int] | None) -> list[Key]:
        """The index to walk: a small one made for the call where few rows can qualify."""
        if ids is not None:
            rows = (self.rows[row_id] for row_id in set(ids) if row_id in self.rows)
            return sorted(_key(row, sort_by) for row in rows if self._listed(row))
        if sort_by != "update_time" and (since is not None or until is not None):
            updates = self._orders["update_time"]
            first, last = _range(updates, since, until)
            if (last - first) * 4 < len(updates):
                return sorted(_key(self.rows[row_id], sort_by) for _, row_id in updates[first:last])
        return self._orders[sort_by]

    def _unlist(self, row: Row) -> None:
        if self._listed(row):
            for field, order in self._orders.items():
                del order[bisect_left(order, _key(row, field))]


def _key(row: Row, field: str) -> Key:
    value = row[field]
    return ("" if value is None else value, row["id"])


def _range(updates: list[Key], since: str | None, until: str | None) -> tuple[int, int]:
    first = bisect_left(updates, (since, -1)) if since is not None else 0
    last = bisect_left(updates, (until, -1)) if until is not None else len(updates)
    return first, last


def _encode(row: Row, sort_by: str, descending: bool) -> str:
    value, row_id = _key(row, sort_by)
    mark = {"field": sort_by, "fieldValue": value, "sortDirection": "desc" if descending else "asc", "id": row_id}
    return base64.urlsafe_b64encode(json.dumps(mark, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str, sort_by: str, descending: bool) -> Key:
    try:
        mark = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        field, direction, key = mark["field"], mark["sortDirection"], (mark["fieldValue"], mark["id"])
    except (ValueError, KeyError, TypeError):
        raise bad_request("Provided cursor is invalid") from None
    if field != sort_by or direction != ("desc" if descending else "asc"):
        raise bad_request("Provided cursor is invalid: it is of another sort order")
    if not isinstance(key[1], int) or not isinstance(key[0], int if sort_by == "id" else str):
        raise bad_request("Provided cursor is invalid")
    return key
