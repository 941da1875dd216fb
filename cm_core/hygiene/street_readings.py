"""Streets as doorplate reads them, put right where it takes a name for a suffix, and their match keys.

A line comes here apart from its city. Which addresses come, and what becomes of city, state and ZIP, is in `addresses`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

import doorplate

from cm_core.hygiene.delivery_lines import Line, bare, readable
from cm_core.hygiene.delivery_words import street_end
from cm_core.hygiene.places import states
from cm_core.hygiene.streets import DIRECTIONS, parse_streets

# Where state and ZIP stand in doorplate's match key (key format k3), by the kind of address.
_KEY_PLACE = {"S": 6, "P": 2, "R": 4, "M": 5, "G": 1}
#: What other units are inside of, the outermost first.
_OUTER_UNITS = ("BLDG", "FL")
_CARE_OF = re.compile(r"^(?:C/O|%|ATTN:?|ATTENTION:?|CARE OF)\s*", re.IGNORECASE)
#: After a direction alone these are the suffix of a street that is named for it: 12 NORTH ST.
_WAYS = frozenset(
    (
        "ST", "AVE", "RD", "DR", "LN", "BLVD", "CT", "CIR", "PL", "HWY", "PKWY", "TER", "WAY", "TRL", "LOOP", "ALY",
        "EXPY", "FWY", "SQ", "PLZ", "CTR", "PIKE", "TPKE", "RTE", "BYP", "ROW", "WALK", "PATH", "EXT", "RDG", "CRES",
    )
)  # fmt: skip
#: Roads that go by a number and are no highways to doorplate.
_NUMBERED_ROAD = re.compile(r".+ COUNTY RD|(?:.+ )?PARISH RD|COUNTY ST|PRIVATE RD")
_WRITTEN_OUT = {"RD": "ROAD", "ST": "STREET"}
_UNIT_INSIDE = re.compile(r"\b(?:STE|SUITE|RM|ROOM|APT|UNIT|PO BOX|DRAWER|LOCKBOX) \S*\d")
#: SR is either of the two, by state; a place has one of a number.
_STATE_ROUTE = re.compile(r"^(?:SR|STATE ROAD)(?= \d)")
_AVENUE = re.compile(r"^AVE?(?= (?:[A-Z]|\d+[A-Z]?)$)")
#: A letter is one with its number however they are joined: 1A, 1 A, 1-A.
_UNIT_LETTER = re.compile(r"(?<=\d)[ -](?=[A-Z]$)|(?<=^[A-Z])[ -](?=\d+$)")
_VIA = re.compile(r"\bVIA\b")
_ZERO = re.compile(r"0+(?= )")
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


class Reading(NamedTuple):
    """What doorplate made of a delivery line; `line` is what it was asked, where that is not the cell as it came."""

    parsed: doorplate.ParsedAddress | None
    line: Line | None = None


class Cells(NamedTuple):
    """The cells of a delivery line, and the city beside them, which the parser may repeat among what it leaves over."""

    line1: str | None
    line2: str | None
    city: str | None


def read_apart(given: Sequence[Cells]) -> list[Reading]:
    """Streets that came apart from their city: as doorplate reads them, and once more without what it cannot."""
    lines = [readable(cells.line1 or "") for cells in given]
    results = parse_streets([line.text or None for line in lines], [cells.line2 for cells in given])
    readings = [Reading(result, line) for result, line in zip(results, lines, strict=True)]
    failed = [
        (i, line) for i, (cells, reading) in enumerate(zip(given, readings, strict=True))
        if _is_lost(reading, cells.city) and (line := bare(cells.line1 or ""))
    ]  # fmt: skip
    results = parse_streets([line.text or None for _, line in failed], [given[i].line2 for i, _ in failed])
    for (i, line), result in zip(failed, results, strict=True):
        again = Reading(result, line)
        if not _is_lost(again, given[i].city):
            readings[i] = again
    return readings


def _is_lost(reading: Reading, city: str | None) -> bool:
    """Whether doorplate did not read a line, or not all of it."""
    parsed, line = reading
    if line and (line.answer or not line.text):
        return False
    if parsed is None or parsed.key(unit=True) is None or _leftover(parsed.unparsed, city):
        return True
    name = parsed.street_name or ""
    if " " not in name:
        return False
    return bool(_UNIT_INSIDE.search(name) or (not parsed.po_box and street_end(["1", *name.split()[:-1]])))


def standard(
    reading: Reading, line1: str | None, city: str | None, place: str
) -> tuple[str | None, str | None, str | None]:
    """(care of, delivery line, key) of a reading; the key is None when the street did not parse.

    `line1` is the cell as it came, `place` what the key has for the place.
    """
    parsed, line = reading
    care_of = line.care_of if line else None
    if line:
        if line.answer:
            return care_of, line.answer[0], f"{line.answer[1]}{place}"
        if line.box and (parsed is None or not (parsed.street_number and _name(parsed))):
            # nothing beside the box that mail could be brought to
            name = line.text if " " in line.text and not _DIGIT.search(line.text) else None
            return care_of or name or None, f"PO BOX {line.box}", f"P|{line.box}|{place}"
    if parsed is None:
        return care_of, None, None
    if parsed.attention:
        care_of = _CARE_OF.sub("", parsed.attention).strip(" ,").upper() or care_of
    key, street = parsed.key(unit=True), parsed.to_usps()["line1"]
    if key is None or street is None or _leftover(parsed.unparsed, city):
        return care_of, None, None
    fields = key.split("|")
    fields[0] = fields[0].rpartition(":")[2]
    at = _KEY_PLACE[fields[0]]
    fields[at : at + 2] = [place]
    added = line.units if line else ()
    box = parsed.po_box or (line and line.box)
    if fields[0] == "S" and _name(parsed):
        if parsed.po_box:
            street = " ".join(filter(None, _street_parts(parsed)))
        if not parsed.highway:
            street, fields[2:6] = _renamed(parsed, street, fields[2:6], line.text if line else (line1 or "").upper())
            street, fields = _numbered_road(parsed, street, fields)
        fields[3] = _STATE_ROUTE.sub("STATE ROUTE", fields[3])
        fields[7:] = _units(parsed, fields[7:], added)
        zero = _ZERO.match(line.text if line else line1 or "")  # no number, but as it was given
        street = " ".join(filter(None, (zero and zero[0], street, *added)))
        if box:  # USPS delivers to the box; both are kept
            street = f"{street} PO BOX {box}"
    elif fields[0] == "R":
        fields += _units(parsed, [quote(parsed.unit_number or ""), quote(parsed.second_unit_number or "")], ())
    return care_of, street, "|".join(fields).rstrip("|")


def _name(parsed: doorplate.ParsedAddress) -> str | None:
    """The name of the street: of a highway its own, and that of a road beside it (INTERSTATE 35 SERVICE)."""
    highway = parsed.highway["name"] if parsed.highway else None
    return " ".join(filter(None, (highway, parsed.street_name))) or None


def _street_parts(parsed: doorplate.ParsedAddress) -> tuple[str | None, ...]:
    return (
        parsed.street_number,
        parsed.street_dir_prefix,
        _name(parsed),
        parsed.street_suffix,
        parsed.street_dir_suffix,
        parsed.unit_type or ("#" if parsed.unit_number else None),
        parsed.unit_number,
    )


def _renamed(parsed: doorplate.ParsedAddress, street: str, names: list[str], text: str) -> tuple[str, list[str]]:
    """The delivery line and (direction, name, suffix, direction) where doorplate takes a name for a suffix.

    A direction and a word that is a suffix elsewhere are a direction and a name (1520 N WELLS, 10 EAST LAKE), unless
    the word is that of a way: 12 NORTH ST. VIA is a name, not short for VIADUCT: 123 VIA DR.
    Before a letter or a number AVE is the name: 123 AVENUE A.
    """
    direction, name, suffix, after = names
    if found := _AVENUE.match(name):
        return street.replace(name, avenue := f"AVENUE{name[found.end() :]}", 1), [direction, avenue, suffix, after]
    if name == "VIADUCT" and _VIA.search(text):
        return street.replace(name, "VIA", 1), [direction, "VIA", suffix, after]
    toward = DIRECTIONS.get(name, name)
    if not direction and toward in DIRECTIONS.values() and suffix and suffix not in _WAYS:
        word = re.search(rf"\b{name}\.? ([A-Z]+)", text)
        if word:
            return street.replace(f"{name} {suffix}", f"{toward} {word[1]}", 1), [toward, word[1], "", after]
    return street, names


def _numbered_road(parsed: doorplate.ParsedAddress, street: str, fields: list[str]) -> tuple[str, list[str]]:
    """The delivery line and key of 3665 ANDERSON COUNTY RD 312, where the number is the road's and no unit's."""
    name, suffix = fields[3:5]
    if _NUMBERED_ROAD.fullmatch(f"{name} {suffix}") and parsed.unit_number and not parsed.unit_type:
        numbered = f"{name} {_WRITTEN_OUT[suffix]} {parsed.unit_number}"
        street = street.replace(f"{name} {suffix} # {parsed.unit_number}", numbered, 1)
        return street, [*fields[:3], numbered, "", *fields[5:7], "", *fields[8:]]
    return street, fields


def _units(parsed: doorplate.ParsedAddress, numbers: Sequence[str], added: Sequence[str]) -> list[str]:
    """The units of a key, in whatever order they came: building, floor, others. REAR and its like have no number (C2).

    `numbers` are those of doorplate's units, `added` units that it did not read.
    """
    kinds = (parsed.unit_type or "", parsed.second_unit_type or "")
    units = [(kind, number or kind) for kind, number in zip(kinds, numbers, strict=False)]
    units += [(kind, number or kind) for kind, _, number in (unit.partition(" ") for unit in added)]
    units.sort(key=lambda unit: _OUTER_UNITS.index(unit[0]) if unit[0] in _OUTER_UNITS else len(_OUTER_UNITS))
    return [_UNIT_LETTER.sub("", number) for _, number in units if number]


def _leftover(unparsed: str | None, city: str | None) -> bool:
    """True when the parser dropped words that are no repetition of city or state."""
    if not unparsed:
        return False
    known = set(_WORD.findall(city or ""))
    return any(word not in known and word not in states() for word in _WORD.findall(unparsed.upper()))
