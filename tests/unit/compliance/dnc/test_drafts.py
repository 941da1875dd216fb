"""What a list makes of an area code: no fault of a file makes a number callable."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cm_core.compliance.dnc import sets
from cm_core.compliance.dnc.drafts import CUT_OFF, STRAY, Draft, draft
from cm_core.compliance.dnc.lists import AreaList
from cm_core.compliance.dnc.sets import Numbers
from cm_core.compliance.dnc.staged import SaidList

JULY, AUGUST, SEPTEMBER = datetime(2026, 7, 1), datetime(2026, 8, 1), datetime(2026, 9, 1)
#: A thousand numbers of 405, every tenth, as a list in force has them.
OLD = list(range(4055000000, 4055010000, 10))


def numbers(values: list[int], since: datetime = AUGUST) -> Numbers:
    return sets.distinct(np.array(values, np.int64), None, since)


def in_force(*, is_held: bool = True, at: datetime = AUGUST) -> AreaList:
    return AreaList("national", "405", at, 1, "imp_1", "x", len(OLD), "dnc/national/405/imp_1.parquet", is_held)


@pytest.fixture
def said(tmp_path: Path) -> SaidList:
    return SaidList("national", 0, False, SEPTEMBER, tmp_path)


@pytest.fixture
def changes(tmp_path: Path) -> SaidList:
    return SaidList("national", 0, True, SEPTEMBER, tmp_path)


def decide(
    said: SaidList, listed: list[int], *, deleted: list[int] | None = None, known: AreaList | None = None,
    old: list[int] = OLD,
) -> Draft:  # fmt: skip
    said.take(np.array(listed, np.int64), None)
    if deleted:
        said.take(np.array(deleted, np.int64), None, kind="deleted")
    return draft(said, "405", known, lambda _: numbers(old), max_shrink_percent=10)


def test_a_newer_full_list_takes_the_place_of_the_one_in_force(said: SaidList) -> None:
    new = [*OLD[50:970], 4055000005, *OLD[975:]]  # both ends are there
    new = [OLD[0], *new]
    made = decide(said, new, known=in_force())
    assert (made.place, made.obtained_at, made.reason) == ("current", SEPTEMBER, None)
    assert made.numbers.number.tolist() == sorted(new)
    assert (made.added, made.removed) == (1, 54)
    assert made.numbers.since[made.numbers.number == 4055000005].tolist() == [SEPTEMBER]
    assert made.numbers.since[made.numbers.number == OLD[60]].tolist() == [AUGUST]


def test_a_list_that_would_take_out_too_much_takes_out_nothing(said: SaidList) -> None:
    kept = [number for place, number in enumerate(OLD) if place % 9]  # 112 of 1,000 are missing, at neither end
    made = decide(said, [*kept, OLD[0], 4055000005], known=in_force())
    assert made.numbers.number.tolist() == sorted([*OLD, 4055000005])
    assert (made.added, made.removed, made.obtained_at) == (1, 0, AUGUST)
    assert made.reason
    assert made.reason.startswith("405: would lose 111 of 1,000 numbers (11.1%), more than 10 %")


@pytest.mark.parametrize("end", ["last", "first"])
def test_a_list_that_ends_early_takes_out_nothing(said: SaidList, end: str) -> None:
    cut = OLD[: -CUT_OFF - 1] if end == "last" else OLD[CUT_OFF + 1 :]
    made = decide(said, cut, known=in_force())
    assert made.place == "nothing"  # all it says is in already, and it does not make the list newer
    assert made.reason
    assert "looks cut off" in made.reason


def test_a_few_at_an_end_may_go(said: SaidList) -> None:
    made = decide(said, OLD[:-CUT_OFF], known=in_force())
    assert (made.place, made.removed) == ("current", CUT_OFF)


def test_parts_of_one_download_add_up_in_any_order(said: SaidList) -> None:
    made = decide(said, [4055000005], known=in_force(at=SEPTEMBER))
    assert made.numbers.number.tolist() == sorted([*OLD, 4055000005])
    assert (made.added, made.removed, made.obtained_at, made.reason) == (1, 0, SEPTEMBER, None)


def test_a_list_of_the_same_moment_takes_nothing_out(said: SaidList) -> None:
    made = decide(said, [*OLD[:500], 4055000005, *OLD[510:]], known=in_force(at=SEPTEMBER))
    assert (made.added, made.removed, len(made.numbers)) == (1, 0, len(OLD) + 1)


def test_the_same_list_again_changes_nothing(said: SaidList) -> None:
    assert decide(said, OLD, known=in_force(at=SEPTEMBER)).place == "nothing"


def test_the_same_numbers_at_a_later_time_make_the_area_code_newer_without_a_file(said: SaidList) -> None:
    made = decide(said, OLD, known=in_force())
    assert (made.place, made.is_changed, made.obtained_at) == ("current", False, SEPTEMBER)


def test_an_older_list_is_kept_and_changes_nothing(said: SaidList) -> None:
    said.obtained_at = JULY
    made = decide(said, OLD[:10], known=in_force())
    assert (made.place, made.is_older, len(made.numbers)) == ("older", True, 10)


def test_changes_go_on_top_of_the_list_in_force(changes: SaidList) -> None:
    made = decide(changes, [4055000005, OLD[1]], deleted=[OLD[0], 4055000006], known=in_force())
    assert made.numbers.number.tolist() == sorted([*OLD[1:], 4055000005])
    assert (made.added, made.removed, made.obtained_at) == (1, 1, SEPTEMBER)


def test_changes_that_would_take_out_too_much_only_add(changes: SaidList) -> None:
    made = decide(changes, [4055000005], deleted=OLD[:101], known=in_force())
    assert made.numbers.number.tolist() == sorted([*OLD, 4055000005])
    assert made.obtained_at == AUGUST
    assert made.reason
    assert "would lose 101" in made.reason


def test_changes_of_an_area_code_that_is_not_held_only_add(changes: SaidList) -> None:
    made = decide(changes, [4055000005], deleted=[OLD[0]])
    assert (made.place, made.numbers.number.tolist()) == ("additions", [4055000005])
    made = draft(changes, "405", in_force(is_held=False), lambda _: numbers(OLD), max_shrink_percent=10)
    assert (made.place, len(made.numbers), made.removed) == ("additions", len(OLD) + 1, 0)


def test_a_full_list_holds_its_area_code_and_keeps_what_changes_had_added(said: SaidList) -> None:
    made = decide(said, [4055000005], known=in_force(is_held=False), old=[OLD[0]])
    assert (made.place, made.is_first, made.obtained_at) == ("current", True, SEPTEMBER)
    assert made.numbers.number.tolist() == sorted([OLD[0], 4055000005])


def test_stray_lines_do_not_hold_an_area_code(said: SaidList) -> None:
    said.area_codes["918"] = STRAY + 1
    made = decide(said, [4055000005])
    assert (made.place, made.numbers.number.tolist()) == ("additions", [4055000005])
    assert made.reason
    assert "405: the list is about other area codes and has 1 of this one" in made.reason


def test_numbers_of_many_area_codes_are_dealt_out(said: SaidList) -> None:
    said.has_dates = True
    days = np.array(["2020-01-01", "NaT", "2020-01-03", "2020-01-04"], "datetime64[D]")
    said.take(np.array([9185550102, 4055550103, 9185550101, 4055550103], np.int64), days)
    said.take(np.array([4055550101], np.int64), np.array(["2020-01-05"], "datetime64[D]"))
    assert said.area_codes == {"405": 3, "918": 2}
    assert said.numbers("918").number.tolist() == [9185550101, 9185550102]
    found = said.numbers("405")
    assert found.number.tolist() == [4055550101, 4055550103]
    assert [str(day) for day in found.listing_date] == ["2020-01-05", "2020-01-04"]
    assert len(said.numbers("580")) == 0
