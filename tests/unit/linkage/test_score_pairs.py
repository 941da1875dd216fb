"""Pairwise precision and recall of the linkage bench."""

from __future__ import annotations

from bench.linkage import score_pairs


def _keys(*labels: int) -> dict[tuple[str, int, int], int]:
    return {("a.csv", number, 1): label for number, label in enumerate(labels)}


def test_clusters_that_equal_the_truth_are_perfect() -> None:
    score = score_pairs(_keys(7, 7, 8, 9), _keys(1, 1, 2, 3))
    assert (score["precision"], score["recall"], score["f1"]) == (1.0, 1.0, 1.0)


def test_one_wrong_and_one_missing_pair_are_counted() -> None:
    # Found: (0,1) and (2,3). True: (0,1) and (3,4).
    score = score_pairs(_keys(1, 1, 2, 2, 3), _keys(1, 1, 2, 3, 3))
    assert (score["precision"], score["recall"]) == (0.5, 0.5)


def test_parties_without_a_cluster_are_reported_and_left_out() -> None:
    found = _keys(1, 1)
    score = score_pairs(found, _keys(1, 1, 1))
    assert (score["parties"], score["unknown_parties"], score["recall"]) == (2, 1, 1.0)
