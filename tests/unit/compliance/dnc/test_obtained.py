"""When a list was obtained: never later than any of its dates says."""

from __future__ import annotations

from datetime import datetime

import pytest

from cm_core.compliance.dnc.obtained import obtained_at

MODIFIED = datetime(2026, 9, 20, 12, 30)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026-09-01_405_AB12.txt", datetime(2026, 9, 1)),
        ("405_20260901.txt", datetime(2026, 9, 1)),
        ("dnc_2026_09_01.csv", datetime(2026, 9, 1)),
        ("dnc_20260901_101112.csv", datetime(2026, 9, 1)),
        ("dnc_20260901101112.csv", datetime(2026, 9, 1)),
        ("dnc_2026-09-01_to_2026-09-15.csv", datetime(2026, 9, 1)),
        ("dnc_2027-01-01.csv", MODIFIED),  # a date to come is none
        ("dnc_4052026090112345.csv", MODIFIED),  # part of a longer number
        ("dnc_2026-0901.csv", MODIFIED),
        ("dnc_20260230.csv", MODIFIED),
        ("dnc.csv", MODIFIED),
    ],
)
def test_the_earliest_date_counts(name: str, expected: datetime) -> None:
    assert obtained_at([name], MODIFIED) == expected


def test_names_of_packed_files_and_other_times_count_too() -> None:
    assert obtained_at(["405.zip", "405_20260801.txt", None], MODIFIED) == datetime(2026, 8, 1)
    assert obtained_at(["405.zip"], MODIFIED, datetime(2026, 9, 2)) == datetime(2026, 9, 2)
