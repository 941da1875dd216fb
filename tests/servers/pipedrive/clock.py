"""The server's clock, which tests set and stop, and the two forms of time.

RFC 3339 is the form of v2, `YYYY-MM-DD HH:MM:SS` (UTC) that of v1.

Inside the server a time is its v2 text in UTC at second precision ("2026-03-01T08:00:00Z"): such texts sort as the
times do.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_V1 = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def text_of(moment: datetime) -> str:
    """The v2 text of a time; fractions of a second are cut."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_v2(text: str) -> str:
    """An RFC 3339 time in the server's form. Raises ValueError on any other form."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 timestamp, for example 2026-01-31T08:00:00Z")
    return text_of(datetime.fromisoformat(text.upper()))


def parse_v1(text: str) -> str:
    """A v1 time (UTC) in the server's form. Raises ValueError on any other form."""
    if not _V1.fullmatch(text):
        raise ValueError("must be in the form YYYY-MM-DD HH:MM:SS, in UTC")
    return text_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def v1_of(text: str | None) -> str | None:
    """The v1 form of a time of the server."""
    return None if text is None else text.replace("T", " ").removesuffix("Z")


def parse_date(text: str) -> str:
    """A YYYY-MM-DD date, as it is. Raises ValueError on any other form."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError("must be a date in the form YYYY-MM-DD")
    date.fromisoformat(text)
    return text


class Clock:
    """Simulated time: set, moved on, or run at another rate than the real one."""

    def __init__(self, start: str, rate: float, utc_offset_hours: float) -> None:
        self._offset = timedelta(hours=utc_offset_hours)
        self._rate = rate
        self._base = datetime.fromisoformat(parse_v2(start)) if start else datetime.now(UTC)
        self._since = time.monotonic()

    def moment(self) -> datetime:
        """The time now, with fractions."""
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self._rate)

    def now(self) -> str:
        """The time now as the server writes it."""
        return text_of(self.moment())

    def before(self, *, seconds: float) -> str:
        """The time that many seconds ago."""
        return text_of(self.moment() - timedelta(seconds=seconds))

    def set(self, *, now: str | None = None, advance_seconds: float = 0.0, rate: float | None = None) -> None:
        """Set the time, then move it on, then (from there) run at another rate."""
        self._base = (datetime.fromisoformat(parse_v2(now)) if now else self.moment()) + timedelta(
            seconds=advance_seconds
        )
        self._since = time.monotonic()
        if rate is not None:
            self._rate = rate

    def day(self) -> str:
        """The day of the server's clock, YYYY-MM-DD: what the daily budget counts by."""
        return (self.moment() + self._offset).strftime("%Y-%m-%d")

    def seconds_to_midnight(self) -> int:
        """Simulated seconds until the daily budget starts anew, at least 1."""
        local = self.moment() + self._offset
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return max(1, int((midnight - local).total_seconds()))
