"""When every plausible place of a contact point is open: calling hours as half-open intervals of UTC instants.

Hours are rows of `calling_hours.csv`, all of which hold: those of the country, those of the state. The table that the
marts read is filled by `calling_windows`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, reduce
from zoneinfo import ZoneInfo

from cm_core.compliance.places import places_in
from cm_core.compliance.rules import Hours, Place, Rules
from cm_core.errors import RulesError

Interval = tuple[datetime, datetime]

#: How far ahead the next opening is looked for. Nowhere is closed for so long.
HORIZON = timedelta(days=16)
_DAY = timedelta(days=1)


def windows(key: str, channel: str, begin: datetime, end: datetime, rules: Rules) -> list[Interval]:
    """The intervals, whole ones, in which every place of a key is open and that have an instant of [begin, end)."""
    _check_holidays(begin, rules)
    # A day more on either side: the local date is another one in some zone.
    first, last = begin.date() - _DAY, end.date() + _DAY
    days = [first + n * _DAY for n in range((last - first).days + 1)]
    opened = reduce(_both, (_of_place(place, channel, days, rules) for place in places_in(key, rules)))
    return [interval for interval in opened if interval[0] < end and interval[1] > begin]


def windows_between(keys: Iterable[str], channel: str, begin: datetime, end: datetime, rules: Rules) -> list[Interval]:
    """The parts of [begin, end) in which all keys are open."""
    opened = reduce(_both, (windows(key, channel, begin, end, rules) for key in keys))
    return [(max(opens, begin), min(closes, end)) for opens, closes in opened if opens < end and closes > begin]


def is_open(keys: Sequence[str], channel: str, at: datetime, rules: Rules) -> bool:
    """Whether all keys are open at an instant."""
    opened = _around(tuple(keys), channel, at, rules)
    position = bisect_right(opened, (at, datetime.max)) - 1
    return position >= 0 and at < opened[position][1]


def next_change(keys: Sequence[str], channel: str, at: datetime, rules: Rules) -> datetime | None:
    """The close of the window that is open at an instant, else the next opening; None: none within `HORIZON`."""
    for opens, closes in _around(tuple(keys), channel, at, rules):
        if at < opens:
            return opens
        if at < closes:
            return closes
    return None


def next_open(keys: Sequence[str], channel: str, at: datetime, rules: Rules) -> datetime | None:
    """The instant itself where all keys are open, else their next opening; None: none within `HORIZON`."""
    return at if is_open(keys, channel, at, rules) else next_change(keys, channel, at, rules)


def closed_places(keys: Iterable[str], channel: str, at: datetime, rules: Rules) -> list[Place]:
    """The places that are closed at an instant, which say why a contact point is."""
    found = {place for key in keys for place in places_in(key, rules)}
    return [place for place in sorted(found) if not is_open((str(place),), channel, at, rules)]


def _around(keys: tuple[str, ...], channel: str, at: datetime, rules: Rules) -> list[Interval]:
    """The intervals from the day of an instant on, as far as anybody looks."""
    day = at.date()

    def make() -> list[Interval]:
        begin = datetime(day.year, day.month, day.day)
        return reduce(_both, (windows(key, channel, begin, begin + HORIZON + _DAY, rules) for key in keys))

    return rules.memo(("around", keys, channel, day), make)


def _of_place(place: Place, channel: str, days: Sequence[date], rules: Rules) -> list[Interval]:
    """The intervals of one place on some local days. Rows that hang on a clock elsewhere are intervals of their own."""
    rows = [*rules.hours["US", channel], *rules.hours.get((place.state, channel), ())]
    zones = {row.zone or place.zone for row in rows}
    return reduce(
        _both,
        (_of_zone(place, zone, [r for r in rows if (r.zone or place.zone) == zone], days, rules) for zone in zones),
    )


def _of_zone(place: Place, zone: str, rows: list[Hours], days: Sequence[date], rules: Rules) -> list[Interval]:
    holidays = rules.holidays.get(place.state, frozenset())
    found: list[Interval] = []
    for day in days:
        minutes = _minutes(rows, day, day in holidays)
        if minutes is None:
            continue
        opens, closes = _instant(zone, day, minutes[0]), _instant(zone, day, minutes[1])
        if found and found[-1][1] == opens:
            found[-1] = (found[-1][0], closes)
        else:
            found.append((opens, closes))
    return found


def _minutes(rows: Iterable[Hours], day: date, is_holiday: bool) -> tuple[int, int] | None:
    """The minutes of a local day that every row allows; all of it where no row is in force."""
    opens, closes = 0, 24 * 60
    for row in rows:
        if not row.dates.cover(day):
            continue
        for allowed in _allowed(row, day, is_holiday):
            if allowed is None:
                return None
            opens, closes = max(opens, allowed[0]), min(closes, allowed[1])
    return (opens, closes) if opens < closes else None


def _allowed(row: Hours, day: date, is_holiday: bool) -> Iterator[tuple[int, int] | None]:
    yield row.weekdays[day.weekday()]
    if is_holiday and row.says_holidays:
        yield row.holiday


@lru_cache(maxsize=100_000)
def _instant(zone: str, day: date, minutes: int) -> datetime:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    if minutes == 24 * 60:
        local, minutes = local + _DAY, 0
    return local.replace(hour=minutes // 60, minute=minutes % 60).astimezone(UTC).replace(tzinfo=None)


def _both(one: list[Interval], other: list[Interval]) -> list[Interval]:
    """The intervals of two ordered lists in which both are."""
    found: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        opens, closes = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if opens < closes:
            found.append((opens, closes))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


def _check_holidays(at: datetime, rules: Rules) -> None:
    known = max(rules.business_holidays).year
    if at.year > known:
        raise RulesError(
            f"holidays.csv ends with {known}: calling hours of {at.date()} are not known. Write later years "
            "(scripts/seed_holidays.py)."
        )
