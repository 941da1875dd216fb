"""The delivery line of an ordinary US address, put together from words whose meaning doorplate was asked for once.

`123 North Main Street, Apt 4` is a number, a direction, a name, a suffix and a unit. Names and suffixes repeat far
more than addresses do: each is put to doorplate in a line of our own, and when the answer is the plain one, lines
made of such words are answered here. Everything else takes the long way through `addresses`, whose answer is the
same (a test holds the two together).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

import doorplate

from cm_core.hygiene.places import states
from cm_core.hygiene.text import data_text

# Given a city, doorplate looks for it at the end of the street and cuts 1501 N SHAWNEE of SHAWNEE, OK to 1501 N.
# Streets that come in their own column are therefore parsed as if they lay in this place, which no street is
# named after; only the street is read from the answer.
NEUTRAL_CITY, NEUTRAL_STATE, NEUTRAL_ZIP = "OOLOGAH", "OK", "74053"

_BOX = re.compile(r"P\.? ?O\.? BOX ([1-9]\d{0,5})", re.ASCII | re.IGNORECASE)
_STREET = re.compile(
    r"([1-9]\d{0,5}) (?:(N|S|E|W|NE|NW|SE|SW|NORTH|SOUTH|EAST|WEST|(?:NORTH|SOUTH)(?:EAST|WEST))\.? )?"
    r"([A-Z]{3,}(?: [A-Z]{3,})?|\d{0,2}(?:1ST|2ND|3RD|[04-9]TH)) ([A-Z]{2,})\.?"
    r"(?:,? (?:(APT|STE|SUITE|UNIT)\.? |# ?)([1-9]\d{0,4}))?",
    re.ASCII,
)
DIRECTIONS = {
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W",
    "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE", "SOUTHWEST": "SW",
}  # fmt: skip
#: ST and a number after one of these is a suite (300 PARK AVE ST 5), whatever it is elsewhere.
BEFORE_SUITE = (
    "AVE", "AVENUE", "RD", "ROAD", "DR", "DRIVE", "BLVD", "BOULEVARD", "LN", "LANE", "PKWY", "PARKWAY", "STREET", "TER",
    "TERRACE",
)  # fmt: skip
_WORDS_KEPT = 500_000  # about 60 MB
#: Lines with one pair of name and suffix from which it is worth asking for the pair: that takes as many readings.
WORTH_LEARNING = 8

_names: dict[str, bool] = {}
_pairs: dict[tuple[str, str], bool] = {}
_suffixes: dict[str, str | None] = {}
_Asked = TypeVar("_Asked")


class Ordinary(NamedTuple):
    """A delivery line and its match key, which is `key_head`, the place, `key_tail`."""

    street: str
    key_head: str
    key_tail: str


@cache
def _route_words() -> frozenset[str]:
    lines = data_text("route_words.txt").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def parse_streets(
    line1: Sequence[str | None], line2: Sequence[str | None] | None
) -> list[doorplate.ParsedAddress | None]:
    """Read street lines that came apart from their city; city, state and ZIP of the answers mean nothing."""
    n = len(line1)
    return doorplate.parse_fields_many(
        line1=line1, line2=line2, city=[NEUTRAL_CITY] * n, state=[NEUTRAL_STATE] * n, zip=[NEUTRAL_ZIP] * n
    )


def ordinary_streets(lines: Sequence[str | None]) -> list[Ordinary | None]:
    """For each line (squeezed text; None for a line that must not come here) its ordinary form, or None."""
    found: list[Ordinary | None] = [None] * len(lines)
    matches: list[tuple[int, tuple[str, str | None, str, str, str | None, str | None]]] = []
    for i, line in enumerate(lines):
        if line is None:
            continue
        if line[0] in "Pp":
            box = _BOX.fullmatch(line)
            if box:
                found[i] = Ordinary(f"PO BOX {box[1]}", f"P|{box[1]}|", "")
        elif street := _STREET.fullmatch(line.upper()):
            matches.append((i, street.groups()))  # type: ignore[arg-type]
    _forget()
    _learn_suffixes(_unlearned({groups[3] for _, groups in matches}, _suffixes))
    _learn_names(_unlearned({groups[2] for _, groups in matches}, _names))
    asked = Counter((groups[2], groups[3]) for _, groups in matches if not _names[groups[2]])
    _learn_pairs(_unlearned({pair for pair, count in asked.items() if count >= WORTH_LEARNING}, _pairs))
    for i, (number, direction, name, word, designator, unit) in matches:
        suffix = _suffixes[word]
        if suffix is None or not (_names[name] or _pairs.get((name, word))):
            continue
        toward = DIRECTIONS.get(direction, direction) if direction else None
        head = f"S|{number}|{toward or ''}|{name}|{suffix}||"
        street_ = f"{number} {toward} {name} {suffix}" if toward else f"{number} {name} {suffix}"
        if unit is None:
            found[i] = Ordinary(street_, head, "")
        else:
            kind = "STE" if designator == "SUITE" else designator or "#"
            found[i] = Ordinary(f"{street_} {kind} {unit}", head, f"|{unit}")
    return found


def suffix_forms(words: Iterable[str]) -> dict[str, str | None]:
    """The abbreviation of each of `words` (upper case) that is a street suffix; None for any other word."""
    asked = set(words)
    _forget()
    _learn_suffixes(_unlearned(asked, _suffixes))
    return {word: _suffixes[word] for word in asked}


def plain_names(names: Iterable[str]) -> dict[str, bool]:
    """Whether each of `names` (upper case, as `_STREET` has them) is nothing but a street's name before a suffix."""
    asked = set(names)
    _forget()
    _learn_names(_unlearned(asked, _names))
    return {name: _names[name] for name in asked}


def plain_pairs(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """Whether a name that is not plain is so before this suffix: LAKE before DR, though not before every suffix."""
    asked = set(pairs)
    _forget()
    _learn_pairs(_unlearned(asked, _pairs))
    return {pair: _pairs[pair] for pair in asked}


def _unlearned(asked: Iterable[_Asked], known: Mapping[_Asked, object]) -> list[_Asked]:
    """What of `asked` is not known yet. The difference of a set and `keys()` would look at all that is known."""
    return [each for each in asked if each not in known]


def _forget() -> None:
    if len(_names) > _WORDS_KEPT:
        _names.clear()
    if len(_pairs) > _WORDS_KEPT:
        _pairs.clear()


def _learn_suffixes(suffixes: Iterable[str]) -> None:
    """Which words doorplate takes for a street suffix, and how it abbreviates each."""
    asked = sorted(suffixes)
    for suffix, parsed in zip(asked, parse_streets([f"1234 N ZZYZX {suffix}" for suffix in asked], None), strict=True):
        short = parsed.street_suffix if parsed is not None else None
        plain = parsed is not None and short is not None and _is_plain(parsed, "ZZYZX", short)
        _suffixes[suffix] = short if plain else None


def _learn_names(names: Iterable[str]) -> None:
    """Which names stay as they are between a direction and a suffix, with and without a unit."""
    asked = sorted(names)
    candidates = []
    for name in asked:
        words = name.split()
        _names[name] = False
        if _route_words().isdisjoint(words) and name not in states() and words[-1] not in states():
            candidates.append(name)
    _learn_suffixes(_unlearned({word for name in candidates for word in name.split()}, _suffixes))
    candidates = [name for name in candidates if all(_suffixes[word] is None for word in name.split())]
    for name, parsed in zip(candidates, parse_streets([f"1234 N {name} ST" for name in candidates], None), strict=True):
        _names[name] = parsed is not None and _is_plain(parsed, name, "ST")


# Direction and unit of the streets that a pair is tried in: every one must come out as it went in.
_BUILDS = (("", ""), ("N", ""), ("SW", ""), ("", "APT 56"), ("N", "UNIT 56"), ("", "# 56"), ("W", "STE 56"))


def _learn_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Which names stay as they are before one suffix, with and without a direction and a unit."""
    asked = sorted(pairs)
    _learn_suffixes(_unlearned({word for _, word in asked}, _suffixes))
    _pairs.update(dict.fromkeys(asked, False))
    candidates = [
        (name, word) for name, word in asked
        if _suffixes[word] is not None and _route_words().isdisjoint(name.split())
        and not (word == "ST" and name.split()[-1] in BEFORE_SUITE)
    ]  # fmt: skip
    for direction, unit in _BUILDS:
        lines = [" ".join(filter(None, ("1234", direction, name, word, unit))) for name, word in candidates]
        candidates = [
            (name, word)
            for (name, word), parsed in zip(candidates, parse_streets(lines, None), strict=True)
            if parsed is not None and _is_plain(parsed, name, f"{_suffixes[word]}", direction, unit)
        ]
    _pairs.update(dict.fromkeys(candidates, True))


def _is_plain(parsed: doorplate.ParsedAddress, name: str, suffix: str, direction: str = "N", unit: str = "") -> bool:
    """True when doorplate read exactly our line: nothing moved, dropped, warned of or taken for a unit."""
    line = " ".join(filter(None, ("1234", direction, name, suffix, unit)))
    number = unit.rpartition(" ")[2]
    expected = f"S|1234|{direction}|{name}|{suffix}||{NEUTRAL_STATE}|{NEUTRAL_ZIP}|{number}|"
    _, _, answer = (parsed.key(unit=True) or "").partition(":")
    return answer == expected and parsed.to_usps()["line1"] == line and not (parsed.warnings or parsed.unparsed)
