"""Sets of numbers of one area code, as ascending arrays: joined, compared and renewed. Pure; files are `files`.

An area code has ten million numbers at most: one fits into memory many times over, and a whole registry need not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: What an area code's numbers begin with: 405 of 4055551234.
AREA = 10_000_000
_TIME, _DAY = np.dtype("datetime64[us]"), np.dtype("datetime64[D]")


@dataclass(frozen=True)
class Numbers:
    """Ten-digit numbers (int64, ascending, each once), since when each is listed (UTC) and the date the list gives.

    Dates that no list gave are NaT.
    """

    number: Array
    since: Array
    listing_date: Array

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def none(cls) -> Numbers:
        """No numbers."""
        return cls(np.empty(0, np.int64), np.empty(0, _TIME), np.empty(0, _DAY))

    def where(self, chosen: Array) -> Numbers:
        """Those that a mask or positions choose."""
        return Numbers(self.number[chosen], self.since[chosen], self.listing_date[chosen])


def distinct(number: Array, listing_date: Array | None, since: datetime) -> Numbers:
    """The numbers of a list in any order, each once; of several dates the latest."""
    if listing_date is None:
        ordered = np.sort(number)
        once = ordered[_first_of_each(ordered)]
        dates = np.full(len(once), "NaT", _DAY)
    else:
        order = np.argsort(number, kind="stable")
        ordered = number[order]
        starts = np.flatnonzero(_first_of_each(ordered))
        once = ordered[starts]
        dates = np.fmax.reduceat(listing_date[order].astype(_DAY), starts) if len(starts) else np.empty(0, _DAY)
    return Numbers(once, np.full(len(once), np.datetime64(since, "us"), _TIME), dates)


def found(wanted: Array, among: Array) -> tuple[Array, Array]:
    """Which of `wanted` are in `among`, which ascends (a mask), and where."""
    if not len(among):
        return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return among[at] == wanted, at


def is_in(wanted: Array, among: Array) -> Array:
    """Which of `wanted` are in `among`, which ascends."""
    return found(wanted, among)[0]


def joined(one: Numbers, other: Numbers) -> Numbers:
    """The numbers of both; of each the earliest time and the latest date."""
    if not len(one) or not len(other):
        return one if len(one) else other
    number = np.concatenate([one.number, other.number])
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(_first_of_each(number[order]))
    since = np.concatenate([one.since, other.since])[order]
    dates = np.concatenate([one.listing_date, other.listing_date])[order]
    return Numbers(number[order][starts], np.minimum.reduceat(since, starts), np.fmax.reduceat(dates, starts))


def renewed(new: Numbers, old: Numbers) -> Numbers:
    """The numbers of `new`; those that `old` has are listed since then, with the later date."""
    known, at = found(new.number, old.number)
    since, dates = new.since.copy(), new.listing_date.copy()
    since[known] = old.since[at[known]]
    dates[known] = np.fmax(dates[known], old.listing_date[at[known]])
    return Numbers(new.number, since, dates)


def dated_later(new: Numbers, old: Numbers) -> int:
    """How many numbers of both have a date in `new` that `old` does not have or that is later."""
    known, at = found(new.number, old.number)
    was, now = old.listing_date[at[known]], new.listing_date[known]
    return int((~np.isnat(now) & (np.isnat(was) | (now > was))).sum())


def missing_at_an_end(old: Numbers, new: Numbers) -> int:
    """How many numbers in a row `old` has before the first or after the last of `new`; the more of the two."""
    if not len(new):
        return len(old)
    before = int(np.searchsorted(old.number, new.number[0], "left"))
    return max(before, len(old) - int(np.searchsorted(old.number, new.number[-1], "right")))


def of_area(number: Array, area_code: str) -> slice:
    """Where the numbers of an area code stand in an ascending array."""
    first = int(area_code) * AREA
    return slice(*(int(place) for place in np.searchsorted(number, [first, first + AREA])))


def _first_of_each(ordered: Array) -> Array:
    if not len(ordered):
        return np.empty(0, bool)
    return np.concatenate([[True], ordered[1:] != ordered[:-1]])
