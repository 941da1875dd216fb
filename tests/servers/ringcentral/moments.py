"""Times: a clock that can be set, and the ISO 8601 texts of the API. Inside, a time is milliseconds since 1970."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WITH_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})")
_FRACTION = re.compile(r"\.(\d+)")


class Clock:
    """The time of the data: real until it is set, then it goes on from there, or stands."""

    def __init__(self) -> None:
        self._set_to: int | None = None
        self._set_at = 0.0
        self._ticking = True

    def now(self) -> int:
        """Milliseconds since 1970."""
        if self._set_to is None:
            return int(time.time() * 1000)
        passed = (time.monotonic() - self._set_at) * 1000 if self._ticking else 0
        return self._set_to + int(passed)

    def set(self, now: int | None, *, ticking: bool = True) -> None:
        """Set it; None makes it real again."""
        self._set_to, self._set_at, self._ticking = now, time.monotonic(), ticking

    def advance(self, seconds: float) -> None:
        """Set it forward; one that stands goes on standing."""
        self.set(self.now() + int(seconds * 1000), ticking=self._ticking)


def to_text(milliseconds: int) -> str:
    """`2026-03-02T15:04:05.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def to_milliseconds(text: str) -> int:
    """Raises ValueError for anything but ISO 8601 with a zone."""
    if not _WITH_ZONE.fullmatch(text):
        raise ValueError(f"{text!r} is not ISO 8601 with a time zone")
    moment = datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text))
    return (moment - _EPOCH) // timedelta(milliseconds=1)
