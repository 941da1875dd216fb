"""How far a run of linkage is from those before it."""

from __future__ import annotations

import pytest

from cm_assets.checks.drift import Run, deviation, shares, stability_index


def test_a_run_counts_persons_and_duplicates() -> None:
    run = Run.of({"1": 6, "2": 1, "4": 1})
    assert (run.persons, run.match_rate) == (12, pytest.approx(4 / 12))
    assert run.shares == {"1": 0.5, "2": pytest.approx(2 / 12), "4 to 5": pytest.approx(4 / 12)}
    assert Run({}).match_rate == 0.0


def test_a_figure_has_a_usual_value_from_three_on() -> None:
    assert deviation(0.5, [0.1, 0.2]) is None
    found = deviation(0.5, [0.1, 0.2, 0.9])
    assert found is not None
    assert (found.usual, found.by) == (0.2, pytest.approx(0.3))


def test_the_stability_index_is_nothing_for_the_same_and_grows_with_the_difference() -> None:
    before = {1: 800, 2: 100}
    assert stability_index(before, {1: 1600, 2: 200}) == pytest.approx(0)
    a_little = stability_index(before, {1: 780, 2: 110})
    assert 0 < a_little < 0.1
    assert stability_index(before, {1: 400, 2: 300}) > 0.1
    assert stability_index(before, {1: 800, 40: 5}) > 0.1
    assert stability_index({}, before) == 0.0


def test_sizes_fall_into_bins() -> None:
    assert list(shares({1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 10: 1, 11: 1, 500: 1})) == [
        "1", "2", "3", "4 to 5", "6 to 10", "over 10",
    ]  # fmt: skip
