"""Calling hours against a plain reading of the files, minute by minute, and the edges by hand."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cm_core.compliance.places import EVERYWHERE
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rule_files import rules_folder
from cm_core.compliance.rules import Place
from cm_core.compliance.windows import closed_places, is_open, next_change, next_open, windows, windows_between
from cm_core.errors import RulesError

RULES = load_rules()
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALL_PLACES = sorted({place for places in RULES.states.values() for place in places})
_TURNS = [date(2026, 3, 8), date(2026, 11, 1), date(2027, 3, 14), date(2025, 11, 2)]


@cache
def _file(name: str) -> list[dict[str, str]]:
    with (rules_folder() / name).open(newline="") as file:
        return list(csv.DictReader(file))


def _allowed(place: Place, channel: str, at: datetime) -> bool:
    """By the text of the files, without any of the code under test."""
    for row in _file("calling_hours.csv"):
        if row["enabled"] != "1" or row["channel"] != channel or row["state"] not in ("US", place.state):
            continue
        local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(row["zone"] or place.zone))
        day = local.date().isoformat()
        if not row["effective_from"] <= day or (row["effective_until"] and day >= row["effective_until"]):
            continue
        cells = [row[_DAYS[local.weekday()]]]
        if row["holiday"] and (day, place.state) in _holidays():
            cells.append(row["holiday"])
        for cell in cells:
            opens, _, closes = cell.partition("-")
            if cell == "closed" or not opens <= f"{local:%H:%M}" < closes:
                return False
    return True


@cache
def _holidays() -> frozenset[tuple[str, str]]:
    return frozenset((row["day"], row["state"]) for row in _file("holidays.csv"))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(_ALL_PLACES), min_size=1, max_size=3),
    st.sampled_from(("call", "sms")),
    st.one_of(st.sampled_from(_TURNS), st.dates(date(2020, 1, 2), date(2035, 12, 1))),
)
@example([Place("TX", "America/Denver")], "sms", date(2026, 3, 8))
@example([Place("PA", "America/New_York")], "call", date(2026, 10, 18))
@example([Place("AK", "America/Adak"), Place("AK", "America/Anchorage")], "call", date(2026, 11, 1))
def test_open_is_open_in_every_place_at_every_minute(places: list[Place], channel: str, day: date) -> None:
    key = "|".join(sorted({str(place) for place in places}))
    start = datetime(day.year, day.month, day.day)
    opened = windows(key, channel, start, start + timedelta(days=1), RULES)
    for minute in range(0, 24 * 60, 5):
        for at in (start + timedelta(minutes=minute), start + timedelta(minutes=minute, microseconds=-1)):
            if at >= start:
                expected = all(_allowed(place, channel, at) for place in places)
                assert any(begin <= at < end for begin, end in opened) == expected, at
                assert is_open((key,), channel, at, RULES) == expected, at


def test_the_day_that_loses_an_hour_has_one_less_by_utc_and_the_same_by_the_clock() -> None:
    sunday = windows("OK@America/Chicago", "call", datetime(2026, 3, 7), datetime(2026, 3, 10), RULES)
    assert sunday[0] == (datetime(2026, 3, 6, 14), datetime(2026, 3, 7, 2))
    assert sunday[2] == (datetime(2026, 3, 8, 13), datetime(2026, 3, 9, 1))


def test_texts_to_el_paso_are_in_central_time_too() -> None:
    calls, texts = (
        windows_between(["TX@America/Denver"], channel, datetime(2026, 3, 3), datetime(2026, 3, 4), RULES)
        for channel in ("call", "sms")
    )
    assert calls == [
        (datetime(2026, 3, 3), datetime(2026, 3, 3, 4)), (datetime(2026, 3, 3, 16), datetime(2026, 3, 4))
    ]  # fmt: skip
    assert texts == [
        (datetime(2026, 3, 3), datetime(2026, 3, 3, 3)), (datetime(2026, 3, 3, 16), datetime(2026, 3, 4))
    ]  # fmt: skip


def test_where_no_place_is_known_every_state_has_to_be_open() -> None:
    week = windows(EVERYWHERE, "call", datetime(2026, 3, 2), datetime(2026, 3, 7), RULES)
    # From 8 in Honolulu until 6 in the evening in Rhode Island.
    assert week == [(datetime(2026, 3, day, 18), datetime(2026, 3, day, 23)) for day in range(2, 7)]


def test_next_change_and_next_open() -> None:
    keys = ("OK@America/Chicago", "CA@America/Los_Angeles")
    noon, night = datetime(2026, 3, 2, 18), datetime(2026, 3, 3, 5)
    assert next_change(keys, "call", noon, RULES) == datetime(2026, 3, 3, 2)
    assert next_open(keys, "call", noon, RULES) == noon
    assert next_open(keys, "call", night, RULES) == datetime(2026, 3, 3, 16)
    assert closed_places(keys, "call", datetime(2026, 3, 3, 3), RULES) == [Place("OK", "America/Chicago")]


def test_years_without_holidays_are_refused() -> None:
    with pytest.raises(RulesError, match=r"holidays\.csv ends with 2035"):
        windows("OK@America/Chicago", "call", datetime(2036, 1, 2), datetime(2036, 1, 3), RULES)
