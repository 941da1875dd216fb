"""FEBRL 1 through the whole of linkage, and how the quality bench counts."""

from __future__ import annotations

from bench.quality import febrl, report
from bench.quality.figures import Figure, Outcome, Wrong, share, wrong_kinds


def test_febrl_1_is_linked() -> None:
    figures = {figure.name: figure.value for figure in febrl.measure(1).figures}
    assert figures["precision"] >= 0.99
    assert figures["F1"] >= 0.985
    assert figures["without date of birth and number: precision"] >= 0.99
    assert figures["without date of birth and number: F1"] >= 0.77


def test_a_goal_is_a_floor_or_a_ceiling() -> None:
    assert Figure("recall", 0.95, 10, 0.95).reached
    assert not Figure("recall", 0.94, 10, 0.95).reached
    assert not Figure("clusters", 1, 10, 0, most=True).reached
    assert share("nothing asked", 0, 0, 1.0).reached


def test_the_most_frequent_kind_comes_first_and_each_is_shown() -> None:
    kinds = wrong_kinds([("rare", "z"), *(("often", f"{number:02}") for number in range(30))])
    assert [(wrong.kind, wrong.count, len(wrong.examples)) for wrong in kinds] == [("often", 30, 9), ("rare", 1, 1)]


def test_the_page_lists_goals_that_are_missed() -> None:
    outcome = Outcome("made up", (Figure("recall", 0.9, 10, 0.95),), (Wrong("missed", 1, ("A | B",)),))
    assert "- made up, recall: 0.9000, goal 0.95" in report.page([outcome])
    assert report.table([outcome]).splitlines()[1].split() == ["made", "up", "recall", "0.9000", "10", "0.95", "missed"]
