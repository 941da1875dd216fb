"""The table `calling_windows`: hours of each place there is, a state and a zone, for the days around an instant.

What the hours are is in `windows`. The marts read them from here, since no SQL knows time zones on every server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import Rules
from cm_core.compliance.windows import windows
from cm_core.compute import session
from cm_core.settings import Settings
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.locks import named_lock, transaction

if TYPE_CHECKING:
    import duckdb
    from pymysql.connections import Connection

_CHANNELS = ("call", "sms")
_LOCK = "cm_calling_windows"
_LOCK_TIMEOUT_S = 600
_COLUMNS = ("places", "channel", "opens_at", "closes_at")
_SCHEMA = pa.schema(
    [
        ("places", pa.string()),
        ("channel", pa.string()),
        ("opens_at", pa.timestamp("us")),
        ("closes_at", pa.timestamp("us")),
    ]
)

_PRESENT = "select places, channel, opens_at, closes_at from calling_windows"
_STALE = "select * from present except select * from wanted"
_MISSING = "select * from wanted except select * from present order by all"
_CREATE_STALE = """
create temporary table stale_windows (
    places varchar(255) character set utf8mb4 collate utf8mb4_bin not null,
    channel varchar(8) character set ascii collate ascii_bin not null,
    opens_at datetime(6) not null,
    closes_at datetime(6) not null,
    primary key (places, channel, opens_at)
) engine = InnoDB
"""
_DELETE = """
delete held from calling_windows as held
inner join stale_windows as stale
    on stale.places = held.places and stale.channel = held.channel and stale.opens_at = held.opens_at
"""
_DROP = "drop temporary table if exists stale_windows"


@dataclass(frozen=True)
class WindowCounts:
    """Places of the rule book, and the rows that were added and taken out for them."""

    places: int
    added: int
    removed: int


def refresh_calling_windows(settings: Settings, database: Database, *, at: datetime) -> WindowCounts:
    """Bring the table to the places and rules of the rule book, for the days around `at` (UTC).

    The days are CM_CALLING_WINDOWS_DAYS_BACK and CM_CALLING_WINDOWS_DAYS_AHEAD. Only rows that differ are written, in
    one transaction. Raises RulesError, WriterBusy or DatabaseUnavailable.
    """
    rules = load_rules()
    begin = datetime.combine(at.date(), time()) - timedelta(days=settings.calling_windows_days_back)
    end = datetime.combine(at.date(), time()) + timedelta(days=settings.calling_windows_days_ahead + 1)
    with (
        closing(database.connect()) as connection,
        session(settings) as duck,
        named_lock(connection, _LOCK, timeout_s=_LOCK_TIMEOUT_S),
        transaction(connection),
    ):
        places = _places(rules)
        rows = list(_wanted(places, begin, end, rules))
        return _bring_to(connection, duck, rows, len(places))


def _places(rules: Rules) -> list[str]:
    """Every single place that an area code, a ZIP or a state may mean; combinations of them are the marts' business."""
    known = [*(code.places for code in rules.area_codes.values()), *rules.zip3s.values(), *rules.states.values()]
    return sorted({str(place) for places in known for place in places})


def _wanted(
    places: Iterable[str], begin: datetime, end: datetime, rules: Rules
) -> Iterator[tuple[str, str, datetime, datetime]]:
    for place in places:
        for channel in _CHANNELS:
            for opens, closes in windows(place, channel, begin, end, rules):
                yield place, channel, opens, closes


def _bring_to(
    connection: Connection[Any],
    duck: duckdb.DuckDBPyConnection,
    rows: list[tuple[str, str, datetime, datetime]],
    places: int,
) -> WindowCounts:
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    wanted = pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)
    fetch(connection, _PRESENT, (), duck, "present", _SCHEMA)
    duck.register("wanted", wanted)
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE_STALE)
        removed = load(connection, duck, _STALE, "stale_windows", _COLUMNS)
        if removed:
            cursor.execute(_DELETE)
        added = load(connection, duck, _MISSING, "calling_windows", _COLUMNS)
        cursor.execute(_DROP)
    return WindowCounts(places, added, removed)
