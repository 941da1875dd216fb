"""How common US names are, by the census files of the `names` package. Read on use; no judgement about names here."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import names


def given_shares() -> dict[str, float]:
    """Share (0 to 1) of people with each given name, upper case; both sexes weigh half."""
    shares: dict[str, float] = {}
    for key in ("first:male", "first:female"):
        for name, share in _census(key):
            shares[name] = shares.get(name, 0.0) + share / 2
    return shares


def male_part(name: str) -> float | None:
    """Part (0 to 1) of the people with a given name, upper case, who are men; None if the census has not got it."""
    men, women = _lookup("first:male").get(name, 0.0), _lookup("first:female").get(name, 0.0)
    return men / (men + women) if men + women else None


def surname_shares() -> dict[str, float]:
    """Share (0 to 1) of people with each surname, upper case."""
    return dict(_census("last"))


@cache
def _census(key: str) -> tuple[tuple[str, float], ...]:
    with Path(names.FILES[key]).open(encoding="ascii") as lines:
        return tuple((line.split()[0], max(float(line.split()[1]), 0.0005) / 100) for line in lines if line.strip())


@cache
def _lookup(key: str) -> dict[str, float]:
    return dict(_census(key))
