"""The dates in a file's name: of lists that are obtained again and again, they say which one it is."""

from __future__ import annotations

import re
from datetime import datetime

#: 2026-09-01, 20260901, 2026_09_01, with or without a time of day behind it; not part of a longer number.
_DATE = re.compile(
    r"(?<![0-9])(20[0-9]{2})([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])(?:[0-9]{4}|[0-9]{6})?(?![0-9])"
)


def dates_in(name: str) -> list[datetime]:
    """The dates that a name has, in its order."""
    found = []
    for year, _, month, day in _DATE.findall(name):
        try:
            found.append(datetime(int(year), int(month), int(day)))
        except ValueError:  # the 31st of a month of 30 days
            continue
    return found
