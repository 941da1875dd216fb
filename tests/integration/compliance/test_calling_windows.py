"""The table of calling hours follows the days and the rules, and only differences are written."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cm_core.compliance import calling_windows
from cm_core.compliance.calling_windows import WindowCounts, refresh_calling_windows
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People
from tests.unit.compliance.conftest import MakeRules, folder, rewritten  # noqa: F401

NOON = datetime(2026, 3, 2, 18)
OKLAHOMA, EL_PASO = "OK@America/Chicago", "TX@America/Denver"


def _hours(people: People, key: str, channel: str = "call") -> list[tuple[datetime, datetime]]:
    query = "select opens_at, closes_at from calling_windows where places = %s and channel = %s order by opens_at"
    return [(opens, closes) for opens, closes in people.rows(query, (key, channel))]


def test_hours_of_each_place_and_then_only_what_differs(
    settings: Settings,
    database: Database,
    people: People,
    rewritten: MakeRules,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    first = refresh_calling_windows(settings, database, at=NOON)
    assert first.places > 80
    assert first.removed == 0
    known = _hours(people, OKLAHOMA)
    # 30 days back to 14 ahead: the night of 30 January, and the last day is 16 March.
    assert (known[0], known[-1]) == (
        (datetime(2026, 1, 30, 14), datetime(2026, 1, 31, 2)),
        (datetime(2026, 3, 16, 13), datetime(2026, 3, 17, 1)),
    )
    assert (datetime(2026, 3, 2, 16), datetime(2026, 3, 3, 4)) in _hours(people, EL_PASO)
    assert len(_hours(people, OKLAHOMA, "sms")) == len(known)
    assert first.added == people.rows("select count(*) from calling_windows")[0][0]
    assert refresh_calling_windows(settings, database, at=NOON) == WindowCounts(first.places, 0, 0)
    # A day later one day comes and one goes.
    before = _hours(people, OKLAHOMA)
    refresh_calling_windows(settings, database, at=NOON + timedelta(days=1))
    assert _hours(people, OKLAHOMA) == [*before[1:], (datetime(2026, 3, 17, 13), datetime(2026, 3, 18, 1))]

    rules = rewritten("calling_hours.csv", "OK,call,,08:00-20:00", "OK,call,,09:00-20:00")
    monkeypatch.setattr(calling_windows, "load_rules", lambda: rules)
    changed = refresh_calling_windows(settings, database, at=NOON + timedelta(days=1))
    # The rewritten cell is that of Mondays: seven of them, in the one zone that Oklahoma has and another by ZIP.
    assert changed.added == changed.removed
    assert changed.added % 7 == 0
    assert changed.added > 0
    assert (datetime(2026, 3, 2, 15), datetime(2026, 3, 3, 2)) in _hours(people, OKLAHOMA)
