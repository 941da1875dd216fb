"""How often a word is a given name or a surname in the United States, and which given names are one person's.

Only frequencies and classes; what to do with them is the business of the rules that ask. Sources: US Census 1990
name files in the `names` package; nickname pairs of the `nicknames` package; `data/nicknames.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import log
from pathlib import Path
from typing import NamedTuple

import names
from nicknames import NickNamer

from cm_core.hygiene.text import data_text

# Share given to a name that the census files do not list, in percent: below the rarest listed one.
_UNLISTED = 0.0003
# A formal name must carry this part of all people whose formal name the nickname may stand for.
_DOMINANT = 0.9
# A nickname that is at least this frequent, relative to its formal name, is a formal name of its own (LISA).
_INDEPENDENT = 0.5


# So many times as many men as women bear a name that is a man's.
_MANS = 10


# Percent of people from which on a given name is common.
_COMMON = 0.004


class _Given(NamedTuple):
    male: float
    female: float


@cache
def _given() -> Mapping[str, _Given]:
    shares: dict[str, _Given] = {}
    for name, share in _census("first:male"):
        shares[name] = _Given(share, 0.0)
    for name, share in _census("first:female"):
        shares[name] = _Given(shares.get(name, _Given(0.0, 0.0)).male, share)
    return shares


@cache
def _surnames() -> Mapping[str, float]:
    return dict(_census("last"))


def _census(key: str) -> list[tuple[str, float]]:
    """(name, percent of people) of one census file; a listed share of 0.000 is half of the last digit."""
    with Path(names.FILES[key]).open(encoding="ascii") as lines:
        return [(line[:15].strip(), float(line[15:20]) or 0.0005) for line in lines if line.strip()]


def is_given(word: str) -> bool:
    """True when `word` (upper case) is a given name in the census files."""
    return word in _given()


def is_common_given(word: str) -> bool:
    """True when so many bear the given name `word` (upper case) that it is hardly a slip of another.

    The census files go down to one person in 100,000, where they hold misspellings themselves (BARBAR).
    """
    return sum(_given().get(word, _Given(0.0, 0.0))) / 2 >= _COMMON


@cache
def mens_names() -> frozenset[str]:
    """The given names (upper case) that women hardly bear: FRANK and JAMES, not TERRY or FRANCIS."""
    return frozenset(name for name, share in _given().items() if share.male >= _MANS * share.female)


def is_surname(word: str) -> bool:
    """True when `word` (upper case) is a surname in the census files."""
    return word in _surnames()


def given_over_surname(word: str) -> float:
    """Natural log of how much likelier `word` (upper case) is a given name than a surname; 0 when in neither list."""
    given = _given().get(word)
    return log((sum(given) / 2 if given else _UNLISTED) / _surnames().get(word, _UNLISTED))


def first_name_class(first_key: str) -> str:
    """The class of a given name (upper case A-Z): equal for names that one person may go by, as BOB and ROBERT.

    A nickname maps to its formal name when there is one it can stand for: by `data/nicknames.csv`; or the only one
    in the `nicknames` package; or one that nine in ten bearers of its possible formal names carry (census). The two
    must be of one sex, and the nickname no rival as a name of its own. Ambiguous names (PAT, CHRIS) are a class of
    their own. Since each name has exactly one class, "same class" is an equivalence relation.
    """
    return _classes().get(first_key, first_key)


@cache
def _classes() -> Mapping[str, str]:
    formal = {nick: _formal_name(nick, formals) for nick, formals in NickNamer().canonical_lookup.items()}
    decided: set[str] = set()
    for line in data_text("nicknames.csv").splitlines():
        if line and not line.startswith("#") and line != "nickname,formal":
            nick, _, name = line.lower().partition(",")
            formal[nick] = name or None
            decided.add(name)
    for name in decided:
        formal[name] = None
    classes: dict[str, str] = {}
    for nick in formal:
        seen, name = {nick}, nick
        while (above := formal.get(name)) and above not in seen:
            seen.add(above)
            name = above
        if name != nick and not formal.get(name):
            classes[nick.upper()] = name.upper()
    return classes


def _formal_name(nick: str, formals: set[str]) -> str | None:
    shares = {formal: _given().get(formal.upper(), _Given(0.0, 0.0)) for formal in formals}
    own = _given().get(nick.upper(), _Given(0.0, 0.0))
    formal = max(sorted(formals), key=lambda name: sum(shares[name]))
    share = shares[formal]
    other_sex = (own.male > own.female) != (share.male > share.female)
    if sum(own) and sum(share) and (other_sex or sum(own) >= _INDEPENDENT * sum(share)):
        return None
    if len(formals) == 1:
        return formal
    total = sum(sum(each) for each in shares.values())
    return formal if total and sum(share) >= _DOMINANT * total else None
