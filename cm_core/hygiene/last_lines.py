"""A whole address in one cell, parted into its delivery line and its last line: city, state and ZIP.

The end of the text is read from the right: country, ZIP, state, city. A city is one that the ZIP table has for this
ZIP or this state, or all that stands between the last comma and the state. Where that leaves doubt there is no answer,
and the parser looks for the city by its own means. What a delivery line says is read in `delivery_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import NamedTuple

from cm_core.hygiene.delivery_words import is_near, street_end
from cm_core.hygiene.places import state_code, zip_cities, zip_places
from cm_core.hygiene.streets import suffix_forms

_COUNTRY = re.compile(r"(?:(?<=[\d\s,.])(?:U\.? ?S\.? ?A\.?|U\.?S\.?|UNITED STATES(?: OF AMERICA)?)\b[\s.,]*)+$")
_ZIP = re.compile(r"(?:(?<=[\s,.])|^)(\d{5})(?:[\s.-]{0,3}(\d{4}))?[\s.-]*$", re.ASCII)
_DAMAGED_ZIP = re.compile(r"(?<=[\s,.])(\d[\d -]{2,12})$", re.ASCII)
_WORD = re.compile(r"[^\s,]+")
_DIGIT = re.compile(r"\d")
_FEW = 40  # cities of one ZIP: among them one letter more or less tells which is meant
_NOISE = re.compile(r"[^A-Z\d]+")
_PLACE = re.compile(r"[A-Z][A-Z.'-]*(?: [A-Z][A-Z.'-]*){0,4}", re.ASCII)
_NUMBERED = re.compile(
    r"\d.*[^\W\d]{2}|BOX\b.*\d|\b(?:DRAWER|CALLER|BIN|LBX)\b|\bPOST OFFICE \d|\bGENERAL DELIVERY\b"
    r"|^(?:ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|\w{3,5}TEEN|\w{3,5}TY)\b.* "
)
_SPELLINGS = {
    "SAINT": "ST", "SAINTE": "STE", "FORT": "FT", "MOUNT": "MT", "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W",
    "TOWNSHIP": "TWP", "HEIGHTS": "HTS", "SPRINGS": "SPGS", "BEACH": "BCH", "POINT": "PT", "JUNCTION": "JCT",
}  # fmt: skip
_FLOOR = re.compile(
    r"(?:\d(?:ST|ND|RD|TH)|FIRST|SECOND|THIRD|FOURTH|FIFTH|SIXTH|SEVENTH|EIGHTH|NINTH|TENTH|GROUND|MAIN) FL$"
    r"|\b(?:ST|STREET|AVE|AVENUE|RD|ROAD|DR|DRIVE|BLVD|BOULEVARD)\.? \d{1,2} FL$"
)
_FINAL_DIRECTION = re.compile(r",? ?\b(?:[NS]\.? ?[EW]|[NSEW])\.?$")
_TEXT_MAX = 500
_CITY_WORDS = 5
#: Before digits, or at the start of what stands before a city: no ZIP then, and no city.
_DESIGNATORS = frozenset(
    (
        "APT", "APARTMENT", "STE", "SUITE", "UNIT", "RM", "ROOM", "FL", "FLOOR", "FLR", "BLDG", "BLD", "BUILDING",
        "LOT", "SPC", "SPACE", "TRLR", "BOX", "NO", "LBBY", "LOBBY", "FRNT", "REAR", "BSMT", "BASEMENT", "LOWR",
        "LOWER", "UPPR", "UPPER", "PMB", "DEPT", "STOP", "PH",
    )
)  # fmt: skip
_WITHOUT_RANGE = frozenset(("LBBY", "LOBBY", "FRNT", "REAR", "BSMT", "BASEMENT", "LOWR", "UPPR"))
#: Units that are words of cities too: in FRONT TULSA one stands before the city.
_BEFORE_CITY = re.compile(r"FRONT|(?:HOUSE|DRAWER|TOWER|WING) [A-Z]")
_ROUTES = frozenset(
    ("HWY", "HIGHWAY", "ROUTE", "RTE", "RT", "ROAD", "RD", "CR", "SR", "FM", "RM", "US", "RR", "HC", "LOOP", "FILE")
)
_DIRECTIONS = frozenset(("N", "S", "E", "W", "NE", "NW", "SE", "SW"))


class Parted(NamedTuple):
    """A delivery line and a place, in upper case. `city` None: none was there, or no city is known."""

    line: str
    city: str | None
    state: str | None
    zip: str | None


def part(text: str, state: str | None = None, zip_: str | None = None) -> Parted | None:
    """`text` (squeezed) parted into delivery line and last line; None where there is no last line, or a doubtful one.

    `state` and `zip_` are those that came in cells of their own. Digits behind a state that are no ZIP are given back
    as they are: whether a ZIP is one is for the caller to say.
    """
    if len(text) > _TEXT_MAX:
        return None
    rest = _COUNTRY.sub("", text.upper()).rstrip(" ,.;")
    zip5 = zip_[:5] if zip_ else None
    if not zip_:
        found = _ZIP.search(rest)
        if found and _may_end(rest[: found.start()]):
            zip5 = found[1]
            zip_ = f"{zip5}-{found[2]}" if found[2] else zip5
            rest = rest[: found.start()].rstrip(" ,.")
        elif (found := _DAMAGED_ZIP.search(rest)) and _state_at_end(rest[: found.start()].rstrip(" ,."), True):
            zip_ = found[1].strip(" -")
            rest = rest[: found.start()].rstrip(" ,.")
    if not state and (ending := _state_at_end(rest, bool(zip_))):
        state, rest = ending
        twice = _state_at_end(rest, True)  # GEORGIA, GA; but NEW YORK, NY is a city and a state
        if twice and twice[0] == state and _known_city(twice[1].rpartition(",")[2], _cities_of(state))[1]:
            rest = twice[1]
    if not (state or zip_):
        return None
    known = zip_places().get(zip5 or "", (None, None))[0] is not None
    found_all = _with_city(rest, state, zip5 if known else None, zip_)
    if found_all and found_all.city:  # 12 ELM ST TULSA, OK 74103 TULSA OK 74103
        again = part(found_all.line)
        if again and again.city and _letters(again.city) == _letters(found_all.city):
            return found_all._replace(line=again.line)
    return found_all


def is_street(text: str) -> bool:
    """Whether what looks like a state at the end of a text belongs to the street: 4TH FL, or PARK AVE, NE."""
    upper = text.upper()
    if _FLOOR.search(upper):
        return True
    found = _FINAL_DIRECTION.search(upper)
    return found is not None and _ends_street(upper[: found.start()])


def with_city(text: str) -> Parted | None:
    """A street and a city behind it, where nothing else tells: 142 EAST 154TH STREET HARVEY; None where it is none."""
    words = text.upper().split()
    end = street_end(words)
    if end is None or not 0 < len(words) - end <= _CITY_WORDS:
        return None
    for start in (end, end + 1):
        city = words[start:]
        if start > end and not (city and words[end].strip(".,") in _DIRECTIONS):
            return None
        single = city[0] if len(city) == 1 else ""
        if single in _DESIGNATORS or single in _SPELLINGS or (single and suffix_forms([single])[single]):
            return None
        if _letters(" ".join(city)) in _all_cities():
            return Parted(" ".join(words[:start]).rstrip(" ,"), " ".join(city), None, None)
    return None


@cache
def _all_cities() -> frozenset[str]:
    return frozenset(_letters(city) for city in frozenset().union(*zip_cities().values()))


def _with_city(rest: str, state: str | None, zip5: str | None, zip_: str | None) -> Parted | None:
    head, comma, segment = rest.rpartition(",")
    segment = segment.strip(" .")
    line, city = _known_city(segment, zip_cities()[zip5] if zip5 else ())
    if city is None and state:
        line, city = _known_city(segment, _cities_of(state_code(state) or state))
        if city and line and suffix_forms([city])[city]:  # Boulevard, CA
            line, city = segment, None
    if comma and _is_delivery(head) and _PLACE.fullmatch(segment):
        first = segment.split()
        is_unit = city is not None and _BEFORE_CITY.fullmatch(line)
        if not (
            _DESIGNATORS.intersection(first) or first[0] in _DIRECTIONS or is_unit or (line and _ends_street(line))
        ):
            return Parted(head.strip(" ,"), segment, state, zip_)
    if city is None:
        if not _is_delivery(rest):
            return None
        # a ZIP or a state right behind a street: 400 S LA SALLE STREET 60605
        is_open = rest.split()[-1] not in _WITHOUT_RANGE and not _ends_street(rest)
        return None if is_open else Parted(rest, None, state, zip_)
    if zip5 and not state:  # garden valley came after its state: RD CA GARDEN VALLEY 95633
        own = zip_places()[zip5][0]
        if line.endswith(f" {own}"):
            line, state = line[: -len(own)].rstrip(" ,"), own
    line = ", ".join(filter(None, (head.strip(" ,"), line.strip(" ,"))))
    if not _is_delivery(line):
        return None
    return Parted(line, city, state, zip_)


def _is_delivery(line: str) -> bool:
    return bool(_NUMBERED.search(line))


def _ends_street(line: str) -> bool:
    """True where a street ends before the city: 12 ELM ST in 12 ELM ST TULSA, MAIN ST N in MAIN ST N FARGO."""
    words = [_NOISE.sub("", word) for word in _WORD.findall(line)]
    if len(words) > 1 and words[-1] in _DIRECTIONS:
        words.pop()
    return bool(words) and (words[-1][-1:].isdigit() or suffix_forms([words[-1]])[words[-1]] is not None)


def _may_end(before: str) -> bool:
    """Whether five digits after `before` may be a ZIP: not those of a box, a unit or a highway, nor a house number."""
    words = _WORD.findall(before)
    if not words:
        return False
    last = _NOISE.sub("", words[-1])
    is_open = last in _DESIGNATORS and last not in _WITHOUT_RANGE and last != "FL"  # Florida
    return bool(last) and not is_open and last not in _ROUTES and not words[-1].endswith("#")


def _state_at_end(text: str, with_zip: bool) -> tuple[str, str] | None:
    """(code, what stands before it) of the state that `text` ends in; without a ZIP only after a comma or in full."""
    words = list(_WORD.finditer(text))
    is_code = bool(words) and len(words[-1][0].replace(".", "")) == 2
    for count in (1,) if is_code and state_code(words[-1][0]) else (3, 2, 1):
        if len(words) <= count:
            continue
        start = words[-count].start()
        name = " ".join(word[0] for word in words[-count:]).strip(". ")
        code = state_code(name) if not _DIGIT.search(name) else None
        if code is None or (name == "FL" and _FLOOR.search(text)):
            continue
        before = text[:start].rstrip()
        if code == "NE" and len(name) <= 4 and _ends_street(before):  # 30 5TH ST N. E., not Nebraska
            return None
        if with_zip or before.endswith(","):
            return code, before.rstrip(" ,.")
        # 333 N MICHIGAN and 12 ELM CT have no last line: a city of the state must stand before it
        head, _, segment = before.rpartition(",")
        line, city = _known_city(segment, _cities_of(code))
        if city and (_ends_street(line) if line else _is_delivery(head)):
            return code, before.rstrip(" ,.")
        if not city and _ends_street(segment) and suffix_forms([name])[name] is None and name not in _DESIGNATORS:
            return code, before.rstrip(" ,.")
    return None


def _known_city(segment: str, cities: Collection[str]) -> tuple[str, str | None]:
    """(what stands before it, city): the longest city of `cities` that `segment` ends in, as it is written there."""
    words = list(_WORD.finditer(segment))
    if not cities:
        return segment, None
    spelled = _spelled(frozenset(cities))
    starts = [words[-count].start() for count in range(min(_CITY_WORDS, len(words)), 0, -1)]
    endings = [(start, _letters(segment[start:])) for start in starts]
    is_it = [start for start, letters in endings if letters in spelled]
    if not is_it and len(spelled) <= _FEW:
        is_it = [
            start
            for start, letters in endings
            if len(letters) > 5 and letters.isalpha() and any(is_near(letters, city) for city in spelled)
        ]
    if not is_it:
        return segment, None
    return segment[: is_it[0]].rstrip(" ,"), segment[is_it[0] :].strip(" ,.")


@cache
def _spelled(cities: frozenset[str]) -> frozenset[str]:
    return frozenset(_letters(city) for city in cities)


def _letters(city: str) -> str:
    """A city as letters, one spelling for Saint and St, North and N."""
    words = _NOISE.sub(" ", city).split()
    return "".join(_SPELLINGS.get(word, word) for word in words)


@cache
def _cities_of(state: str) -> frozenset[str]:
    """All cities of a state (two-letter code) in the ZIP table; empty where it is none."""
    codes = (zip5 for zip5, (code, _) in zip_places().items() if code == state)
    return frozenset(city for zip5 in codes for city in zip_cities()[zip5])
