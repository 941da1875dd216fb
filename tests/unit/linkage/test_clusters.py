"""Which records can be one human, and which pairs the over-merge guard refuses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cm_core.linkage.clusters import Person, _refuse, contradict


def person(first: str | None = "JOHN", **facts: Any) -> Person:
    values: dict[str, Any] = {
        "first_name": first, "forms": frozenset({first} if first else ()), "known": True, "name_class": first,
        "generation": None, "born": None,
    }  # fmt: skip
    return Person(**{**values, **facts})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person(generation="SR"), person(generation="JR")),
        (person(born=date(1950, 1, 2)), person(born=date(1980, 5, 2))),
        (person("MARK"), person("MARY")),
        (person("J"), person("MARY")),
        (person("J"), person("M")),
        (person("DEBBNE", known=False), person("CARLOS")),
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
    ],
)
def test_these_can_be_one(one: Person, other: Person) -> None:
    assert not contradict(one, other)
    assert not contradict(other, one)


def test_a_bridge_between_two_people_is_cut_at_the_weaker_pair() -> None:
    people = {1: person("JAMES"), 2: person("J"), 3: person("JANE")}
    assert _refuse([(1, 2), (2, 3)], people) == [(2, 3)]


def test_a_refused_pair_that_others_join_anyway_is_kept() -> None:
    people = {1: person(), 2: person(), 3: person()}
    assert _refuse([(1, 2), (2, 3), (1, 3)], people) == []
