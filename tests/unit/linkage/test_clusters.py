"""Which records can be one human, and which pairs the over-merge guard refuses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cm_core.linkage.clusters import Edge, Limits, Person, contradict, refuse


def person(first: str | None = "JOHN", **facts: Any) -> Person:
    values: dict[str, Any] = {
        "first_name": first, "forms": frozenset({first} if first else ()), "known": True, "name_class": first,
        "generation": None, "born": None,
    }  # fmt: skip
    return Person(**{**values, **facts})


def numbered(number: str) -> dict[str, Any]:
    return {"born": date(1990, 5, 6), "personal_ids": frozenset({f"voter|{number}"})}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person(generation="SR"), person(generation="JR")),
        (person(born=date(1950, 1, 2)), person(born=date(1980, 5, 2))),
        (person("MARK"), person("MARY")),
        (person("J"), person("MARY")),
        (person("J"), person("M")),
        (person("DEBBNE", known=False), person("CARLOS")),
        (person("MARK", **numbered("70019234")), person("MARY", **numbered("70019235"))),
    ],
)
def test_these_cannot_be_one(one: Person, other: Person) -> None:
    assert contradict(one, other)
    assert contradict(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person(), person()),
        (person(generation="JR"), person()),
        (person(born=date(1950, 1, 2)), person(born=date(1950, 1, 12))),
        (person("BOB", forms=frozenset({"BOB", "ROBERT"})), person("ROBERT")),
        (person("J"), person("JOHN")),
        (person("JOHM", known=False), person("JOHN")),
        (person(None), person("JOHN")),
        (person("JOHN", last_name="BAYDEN"), person("BAYDEN", last_name="JOHN")),
        (person("MARK", **numbered("70019234")), person("MARY", **numbered("07019234"))),
        (person("MARK", **numbered("70019234")), person("CXYZ", known=False, **numbered("70019235"))),
    ],
)
def test_these_can_be_one(one: Person, other: Person) -> None:
    assert not contradict(one, other)
    assert not contradict(other, one)


def test_a_bridge_between_two_people_is_cut_at_the_weaker_pair() -> None:
    people = {1: person("JAMES"), 2: person("J"), 3: person("JANE")}
    assert refuse([Edge(1, 2, 1.0), Edge(2, 3, 0.99)], people) == {(2, 3): "contradiction"}


def test_a_refused_pair_that_others_join_anyway_is_kept() -> None:
    people = {1: person(), 2: person(), 3: person()}
    assert refuse([Edge(1, 2, 1.0), Edge(2, 3, 1.0), Edge(1, 3, 1.0)], people) == {}


def chain(*probabilities: float) -> list[Edge]:
    """1-2-3-..., the surest pair first."""
    return sorted((Edge(i, i + 1, p) for i, p in enumerate(probabilities, 1)), key=lambda edge: -edge.probability)


ANYBODY = {number: person() for number in range(1, 100)}


def test_two_who_are_different_never_meet_through_others() -> None:
    assert refuse(chain(0.999, 0.998, 0.9999), ANYBODY, {(1, 4)}) == {(2, 3): "decided"}
    assert refuse([*chain(0.999, 0.998), Edge(1, 3, 0.99)], ANYBODY, {(1, 3)}) == {
        (2, 3): "decided", (1, 3): "decided"
    }  # fmt: skip


def test_a_cluster_grows_no_larger_than_allowed() -> None:
    refused = refuse(chain(*(1 - n / 1000 for n in range(1, 10))), ANYBODY, limits=Limits(most=4, weak=0.9))
    assert set(refused.values()) == {"too_large"}
    assert list(refused) == [(4, 5), (8, 9)]


def test_two_groups_that_hang_together_by_one_weak_pair_stay_apart() -> None:
    edges = [Edge(1, 2, 0.9999), Edge(3, 4, 0.9998), Edge(2, 3, 0.96)]
    assert refuse(edges, ANYBODY) == {(2, 3): "weak_bridge"}
    assert refuse(edges, ANYBODY, limits=Limits(weak=0.95)) == {}
    assert refuse([*edges, Edge(1, 4, 0.955)], ANYBODY) == {}  # two ways between them: no bridge


def test_one_that_hangs_on_by_a_weak_pair_stays() -> None:
    assert refuse([Edge(1, 2, 0.9999), Edge(2, 3, 0.96)], ANYBODY) == {}
    # a chain of weak pairs is cut in the middle alone
    assert refuse(chain(0.97, 0.96, 0.97), ANYBODY) == {(2, 3): "weak_bridge"}
