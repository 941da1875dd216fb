"""Plans: which ranges of a table's primary key are its slices. Written once per extract, and kept.

A plan is a JSON document in the lake, `extracts/<source>/<table>/<plan id>/plan.json`; what became of a slice lies
beside it (`slices`). It is never changed: an extract that is resumed goes by the plan it began with.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cm_core.errors import UsageError
from cm_core.extract.source import ExtractFailed, Source, Table
from cm_core.extract.statements import Aggregate, Column, KeyValue, as_key, in_range, key_order, quoted, text_key
from cm_core.imports.feed_catalog import load_feed
from cm_core.lake import ObjectStore, lake
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import named_lock

_ROOT = "extracts"
_ID = "%Y%m%dT%H%M%S"
_KEYS = "select {values} from {table} where {condition} order by {order} limit 1 offset {offset}"
_LAST = "select {values} from {table} order by {descending} limit 1"
_COUNT = "select count(*) from {table} where {condition}"


@dataclass(frozen=True)
class Slice:
    """The rows with `after < key <= upto`; None leaves that side open. `rows` is how many there were at the time."""

    number: int
    after: KeyValue | None
    upto: KeyValue | None
    rows: int


@dataclass(frozen=True)
class Plan:
    """One extract of one table. Rows beyond the last slice came later and belong to the next extract.

    A table without a key is a single slice. `has_snapshots` is that of the table (`source`); `slice_rows` is what was
    asked for (0: not known).
    """

    plan_id: str
    source: str
    table: str
    feed: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int
    slices: tuple[Slice, ...]
    has_snapshots: bool = False
    slice_rows: int = 0
    exact_keys: bool = False

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the primary key."""
        found = {column.name: column for column in self.columns}
        return tuple(found[name] for name in self.key)

    @property
    def folder(self) -> str:
        """Where the plan and what became of its slices lie in the lake."""
        return f"{_ROOT}/{self.source}/{slug(self.table)}/{self.plan_id}"

    def slice_name(self, number: int) -> str:
        """The slice's name, which is its partition's too: `<table>-<plan id>-<number>`."""
        return f"{slug(self.table)}-{self.plan_id}-{number:05d}"

    def slice_names(self) -> list[str]:
        """The names of all slices in the order of the key."""
        return [self.slice_name(one.number) for one in self.slices]

    def landing_key(self, number: int) -> str:
        """Where the slice lands. The second folder tells the import which feed it is of."""
        name = self.slice_name(number)
        return f"legacy/{self.feed}/{slug(self.table)}/{self.plan_id}/{name}.parquet"

    @property
    def aggregate(self) -> Aggregate:
        """How the checksums of a slice's rows become one."""
        return "bit_xor" if self.key else "sum"

    def condition(self, number: int) -> str:
        """The SQL condition of the slice's rows."""
        one = self.slices[number - 1]
        return in_range(self.key_columns, one.after, one.upto)


def make_plan(
    settings: Settings,
    database: Database,
    source: Source,
    table: str,
    feed: str,
    *,
    anew: bool = False,
    is_done: Callable[[Plan], bool] | None = None,
) -> Plan:
    """The table's plan: the one there is, or a new one where there is none.

    With `anew`, a new one also where `is_done(the last one)`, or where the last one cannot be what is wanted any more:
    of other columns or another key than the table has now, or of slices of another size than is asked for. Else an
    extract under way goes on as it was planned.
    Raises UsageError where the table cannot be sliced or the feed is unknown.
    """
    load_feed(feed)
    store = lake(settings)
    with database.connect() as connection, named_lock(connection, "cm_extract_plan", timeout_s=600):
        known = latest_plan(settings, source, table)
        if known and not anew:
            return known
        found = source.table(table)
        if known and _is_of(known, found, settings.legacy_slice_rows) and not (is_done and is_done(known)):
            return known
        plan = _planned(settings, source, found, feed, known)
        store.put_bytes(json.dumps(dataclasses.asdict(plan), indent=1).encode(), f"{plan.folder}/plan.json")
    return plan


def latest_plan(settings: Settings, source: Source, table: str) -> Plan | None:
    """The last plan that was made for the table, or None."""
    store = lake(settings)
    found = [info.key for info in store.list(f"{_ROOT}/{source.slug}/{slug(table)}") if info.key.endswith("/plan.json")]
    return _load(store, max(found)) if found else None


def plan_of(settings: Settings, source: Source, slice_name: str) -> tuple[Plan, int]:
    """The plan and the number of the slice of this name. Raises UsageError where there is none."""
    table, plan_id, number = [*slice_name.rsplit("-", 2), "", ""][:3]
    key = f"{_ROOT}/{source.slug}/{table}/{plan_id}/plan.json"
    store = lake(settings)
    plan = _load(store, key) if number.isdigit() and store.exists(key) else None
    if plan is None or not 0 < int(number) <= len(plan.slices):
        raise UsageError(f"There is no slice {slice_name!r} of {source.where} in the lake: plan the extract first.")
    return plan, int(number)


def slug(table: str) -> str:
    """The table's name as a part of file names and of partition keys."""
    return re.sub(r"[^\w.]", "_", table)


def _is_of(plan: Plan, table: Table, slice_rows: int) -> bool:
    """Whether a plan made now would read the same columns along the same key in slices of the same size."""
    size = plan.slice_rows or max((one.rows for one in plan.slices), default=0)
    is_sized = size == slice_rows or (not plan.slice_rows and len(plan.slices) < 2 and size <= slice_rows)
    return is_sized and plan.columns == table.columns and plan.key == tuple(column.name for column in table.key)


def _planned(settings: Settings, source: Source, table: Table, feed: str, before: Plan | None) -> Plan:
    """Cut the table by walking along its key: every slice but the last has the same number of rows, however sparse
    the key is. The statements are short; nothing is held between them.
    """
    at = datetime.now(UTC).replace(tzinfo=None)
    if before is not None:
        at = max(at, datetime.strptime(before.plan_id, _ID) + timedelta(seconds=1))
    cut = _cut if table.key else _whole
    slices = cut(source, table, settings.legacy_slice_rows)
    return Plan(
        plan_id=at.strftime(_ID),
        source=source.slug,
        table=table.name,
        feed=feed,
        columns=table.columns,
        key=tuple(column.name for column in table.key),
        rows=sum(one.rows for one in slices),
        slices=tuple(slices),
        has_snapshots=table.has_snapshots,
        slice_rows=settings.legacy_slice_rows,
        exact_keys=True,
    )


def _cut(source: Source, table: Table, slice_rows: int) -> list[Slice]:
    names = {
        "table": quoted(table.name),
        "values": ", ".join(as_key(column) for column in table.key),
        "order": key_order(table.key),
        "descending": ", ".join(f"{quoted(column.name)} desc" for column in table.key),
    }
    slices: list[Slice] = []
    after: KeyValue | None = None
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_LAST.format(**names))
        if (end := _key_value(cursor.fetchone())) is None:
            return []
        while True:
            condition = in_range(table.key, after, end)
            cursor.execute(_KEYS.format(**names, condition=condition, offset=slice_rows - 1))
            upto = _key_value(cursor.fetchone())
            if upto is None or upto == end:
                cursor.execute(_COUNT.format(**names, condition=condition))
                row: Any = cursor.fetchone()
                slices.append(Slice(len(slices) + 1, after, end, int(row[0])))
                return slices
            if upto == after:
                raise ExtractFailed(
                    f"{table.name!r} in {source.where} cannot be cut into slices along its key "
                    f"({', '.join(column.name for column in table.key)}): the server finds no end of one. Export it to "
                    "a file and import that."
                )
            slices.append(Slice(len(slices) + 1, after, upto, slice_rows))
            after = upto


def _whole(source: Source, table: Table, slice_rows: int) -> list[Slice]:
    """A table without a key, or a view, as its only slice."""
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_COUNT.format(table=quoted(table.name), condition="true"))
        row: Any = cursor.fetchone()
    rows = int(row[0])
    if rows > slice_rows:
        raise UsageError(
            f"{table.name!r} in {source.where} {table.keyless}, so that it cannot be cut into slices, and its {rows:,} "
            f"rows are more than one slice may have ({slice_rows:,}). Give it a primary key, raise "
            "CM_LEGACY_SLICE_ROWS, or export it to a file and import that."
        )
    return [Slice(1, None, None, rows)] if rows else []


def _key_value(row: Any) -> KeyValue | None:
    return None if row is None else tuple(str(value) for value in row)


def _load(store: ObjectStore, key: str) -> Plan:
    document: dict[str, Any] = json.loads(store.get_bytes(key))
    columns = tuple(Column(**column) for column in document["columns"])
    of_key = [next(column for column in columns if column.name == name) for name in document["key"]]

    def side(value: list[str] | None) -> KeyValue | None:
        if value is None:
            return None
        if document.get("exact_keys"):
            return tuple(value)
        return tuple(text_key(v) if c.is_text else v for c, v in zip(of_key, value, strict=True))  # of older plans

    known = {field.name for field in dataclasses.fields(Plan)}  # older plans say more, and less
    return Plan(
        **{
            **{name: value for name, value in document.items() if name in known},
            "columns": columns,
            "key": tuple(document["key"]),
            "slices": tuple(
                Slice(
                    one["number"],
                    side(one["after"]),
                    side(one["upto"]),
                    one["rows"],
                )
                for one in document["slices"]
            ),
        }
    )
