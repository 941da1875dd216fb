"""Write the seed of holidays, 2020 to 2035: days without business, and days on which a state allows no sales calls.

    .venv/bin/python scripts/seed_holidays.py

By rule, not from a package, so that each day has a name and a state to look up. A state that closes on legal holidays
is closed on every federal one and on its own; on the day itself and on the day it is kept where it falls on a weekend:
the published lists of the six states differ from year to year, and this is the strictest reading of them. Days that a
governor proclaims are not here: add a row, or a pause (`frequency_pauses.csv`).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

_SEED = Path(__file__).resolve().parent.with_name("dbt_project") / "seeds" / "holidays.csv"
_YEARS = range(2020, 2036)
_MON, _TUE, _THU = 0, 1, 3
_DAY = timedelta(days=1)


def main() -> None:
    """Write the file and say how many rows it has."""
    rows = sorted({row for year in _YEARS for row in _of_year(year)})
    rows = [row for row in rows if date.fromisoformat(row[0]).year in _YEARS]
    with _SEED.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", "state", "name", "is_observed", "is_business_holiday"))
        writer.writerows(rows)
    sys.stdout.write(f"{_SEED.name}: {len(rows):,} rows\n")


def _of_year(year: int) -> Iterator[tuple[str, str, str, int, int]]:
    federal = list(_federal(year))
    for name, day in federal:
        yield from _kept("US", name, day, business=1)
    # 1 January of the next year is kept in December where it is a Saturday.
    yield from _kept("US", "New Year's Day", date(year + 1, 1, 1), business=1)
    for state, own in _of_states(year).items():
        for name, day in [*federal, ("New Year's Day", date(year + 1, 1, 1)), *own]:
            yield from _kept(state, name, day, business=0)


def _kept(state: str, name: str, day: date, *, business: int) -> Iterator[tuple[str, str, str, int, int]]:
    """The day, and the day on which it is kept: Friday for Saturday, Monday for Sunday (5 U.S.C. 6103(b))."""
    yield day.isoformat(), state, name, 0, business
    if day.weekday() == 5:
        yield (day - _DAY).isoformat(), state, name, 1, business
    if day.weekday() == 6:
        yield (day + _DAY).isoformat(), state, name, 1, business


def _federal(year: int) -> Iterator[tuple[str, date]]:
    """5 U.S.C. 6103(a)."""
    yield "New Year's Day", date(year, 1, 1)
    yield "Birthday of Martin Luther King, Jr.", _nth(year, 1, _MON, 3)
    yield "Washington's Birthday", _nth(year, 2, _MON, 3)
    yield "Memorial Day", _last(year, 5, _MON)
    if year >= 2021:
        yield "Juneteenth", date(year, 6, 19)
    yield "Independence Day", date(year, 7, 4)
    yield "Labor Day", _nth(year, 9, _MON, 1)
    yield "Columbus Day", _nth(year, 10, _MON, 2)
    yield "Veterans Day", date(year, 11, 11)
    yield "Thanksgiving Day", _nth(year, 11, _THU, 4)
    yield "Christmas Day", date(year, 12, 25)


def _of_states(year: int) -> dict[str, list[tuple[str, date]]]:
    """What the states that close on legal holidays keep beside the federal ones."""
    easter = _easter(year)
    good_friday, mardi_gras = easter - 2 * _DAY, easter - 47 * _DAY
    election = _nth(year, 11, _MON, 1) + _DAY
    elections = [("General Election Day", election)] if year % 2 == 0 else []
    return {
        "AL": [
            ("Mardi Gras", mardi_gras),
            ("Confederate Memorial Day", _nth(year, 4, _MON, 4)),
            ("Jefferson Davis' Birthday", _nth(year, 6, _MON, 1)),
            ("Mrs. Rosa L. Parks Day", date(year, 12, 1)),
        ],
        "LA": [
            ("Battle of New Orleans", date(year, 1, 8)),
            ("Robert E. Lee Day", date(year, 1, 19)),
            ("Mardi Gras", mardi_gras),
            ("Good Friday", good_friday),
            ("Confederate Memorial Day", date(year, 6, 3)),
            ("Huey P. Long Day", date(year, 8, 30)),
            ("All Saints' Day", date(year, 11, 1)),
            *elections,
            ("Day after Thanksgiving", _nth(year, 11, _THU, 4) + _DAY),
        ],
        "MS": [("Confederate Memorial Day", _last(year, 4, _MON))],
        "PA": [
            ("Good Friday", good_friday),
            ("Flag Day", date(year, 6, 14)),
            ("Election Day", election),
        ],
        "RI": [
            ("Rhode Island Independence Day", date(year, 5, 4)),
            ("Victory Day", _nth(year, 8, _MON, 2)),
            *elections,
        ],
        "UT": [("Pioneer Day", date(year, 7, 24))],
    }


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last(year: int, month: int, weekday: int) -> date:
    end = date(year + month // 12, month % 12 + 1, 1) - _DAY
    return end - timedelta(days=(end.weekday() - weekday) % 7)


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Butcher's rule)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return date(year, month, day + 1)


if __name__ == "__main__":
    main()
