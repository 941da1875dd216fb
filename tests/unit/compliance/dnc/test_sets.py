"""Sets of numbers as ascending arrays, held to Python's own sets."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cm_core.compliance.dnc import sets
from cm_core.compliance.dnc.sets import Numbers

FIRST, SECOND = datetime(2026, 8, 1), datetime(2026, 9, 1)
#: Number -> date that a list gives, or None.
Content = dict[int, date | None]
CONTENT = st.dictionaries(
    st.integers(4050000000, 4050000030), st.none() | st.dates(date(2020, 1, 1), date(2020, 1, 5)), max_size=20
)


def numbers(content: Content, since: datetime = FIRST) -> Numbers:
    dates = np.array([day if day else "NaT" for day in content.values()], "datetime64[D]")
    return sets.distinct(np.array(list(content), np.int64), dates, since)


def content(found: Numbers) -> dict[int, tuple[datetime, date | None]]:
    assert (np.diff(found.number) > 0).all()
    return {
        number: (since, day)
        for number, since, day in zip(
            found.number.tolist(), found.since.tolist(), found.listing_date.tolist(), strict=True
        )
    }


def _later(one: date | None, other: date | None) -> date | None:
    return max(filter(None, (one, other)), default=None)


@given(CONTENT, CONTENT)
def test_joined_has_the_numbers_of_both(old: Content, new: Content) -> None:
    both = content(sets.joined(numbers(old), numbers(new, SECOND)))
    assert both == {
        number: (FIRST if number in old else SECOND, _later(old.get(number), new.get(number))) for number in old | new
    }


@given(CONTENT, CONTENT)
def test_renewed_has_the_new_numbers_and_remembers_since_when(old: Content, new: Content) -> None:
    found = content(sets.renewed(numbers(new, SECOND), numbers(old)))
    assert found == {
        number: (FIRST if number in old else SECOND, _later(old.get(number), day)) for number, day in new.items()
    }
    dated = sum(1 for number in new if number in old and _later(old[number], new[number]) != old[number])
    assert sets.dated_later(numbers(new, SECOND), numbers(old)) == dated


@given(st.lists(st.integers(2000000000, 9999999999), max_size=30))
def test_distinct_is_in_order_and_each_once(given: list[int]) -> None:
    found = sets.distinct(np.array(given, np.int64), None, FIRST)
    assert found.number.tolist() == sorted(set(given))
    assert np.isnat(found.listing_date).all()


def test_of_several_dates_the_latest_counts() -> None:
    days = np.array(["2020-01-01", "NaT", "2021-01-01", "2019-01-01"], "datetime64[D]")
    found = sets.distinct(np.array([4055550101] * 3 + [4055550102], np.int64), days, FIRST)
    assert found.listing_date.tolist() == [date(2021, 1, 1), date(2019, 1, 1)]


@given(CONTENT, CONTENT)
def test_missing_at_an_end_counts_the_longer_run(old: Content, new: Content) -> None:
    before = len([number for number in old if number < min(new)]) if new else len(old)
    after = len([number for number in old if number > max(new)]) if new else len(old)
    assert sets.missing_at_an_end(numbers(old), numbers(new)) == max(before, after)


def test_an_area_code_is_a_slice() -> None:
    found = np.array([4049999999, 4050000000, 4059999999, 4060000000], np.int64)
    assert found[sets.of_area(found, "405")].tolist() == [4050000000, 4059999999]
    assert found[sets.of_area(found, "918")].tolist() == []
