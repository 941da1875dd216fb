"""What a pull is of: a UTC day with some days before it, or many days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cm_core.errors import UsageError

#: RingCentral keeps calls for twelve months.
RETENTION_DAYS = 366
#: Days of a range that are read, and land, together.
DAYS_AT_ONCE = 31
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Window:
    """The half-open time [`begin`, `end`) (naive UTC), and the partition it is of, if it is one's."""

    begin: datetime
    end: datetime
    day: date | None = None

    @property
    def name(self) -> str:
        """The window in names of pulls and files: its day, or both its ends."""
        if self.day is not None:
            return f"{midnight(self.day):{_STAMP}}"
        return f"{self.begin:{_STAMP}}-{self.end:{_STAMP}}"


def day_window(day: date, *, overlap_days: int = 0) -> Window:
    """A UTC day, and so many days before it."""
    return Window(midnight(day) - timedelta(days=overlap_days), midnight(day) + timedelta(days=1), day)


def range_windows(first: date, last: date) -> list[Window]:
    """The UTC days from `first` to `last`, 31 at a time.

    Raises UsageError for a range that RingCentral has nothing of.
    """
    if last < first:
        raise UsageError(f"The range ends ({last}) before it begins ({first}).")
    oldest = datetime.now(UTC).date() - timedelta(days=RETENTION_DAYS)
    if first < oldest:
        raise UsageError(f"RingCentral keeps calls for twelve months; {first} is longer ago. Begin with {oldest}.")
    windows = []
    while first <= last:
        end = min(first + timedelta(days=DAYS_AT_ONCE), last + timedelta(days=1))
        windows.append(Window(midnight(first), midnight(end)))
        first = end
    return windows


def midnight(day: date) -> datetime:
    """The beginning of a UTC day, naive."""
    return datetime.combine(day, time())
