"""What stands in a delivery line beside the street: a recipient, a building, a remark, another address.

Each function takes a line in upper case and gives it back without that. Words are dropped only from lines that
doorplate does not read otherwise; the address as it was given is kept beside its parts in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cm_core.hygiene.delivery_words import DIRECTION, PLAIN_SUFFIXES, TAKES_NUMBER, UNIT, street_end, suffix_of
from cm_core.hygiene.streets import suffix_forms

#: Suffixes that a building has as often as a street: of two streets in one line the other one is the street.
_LIKE_BUILDINGS = frozenset(
    ("CTR", "PLZ", "SQ", "PL", "PARK", "MALL", "CTRS", "XING", "VLG", "BLDG", "TOWER", "TOWERS")
)
_BUILDING = r"(?:TOWERS?|HALL|BUILDING|BLDG|CENTER|CENTRE|CTR|PLAZA|PLZ|COMPLEX|MALL|CAMPUS|WING|ANNEX|HOUSE)"
_OTHER_WAYS = frozenset(("HWY", "WAY", "CIR", "CT", "TRL", "EXT", "PIKE", "TPKE", "LOOP", "FWY", "EXPY", "BYP", "RTE"))
#: A highway behind the street that it is there: 1601 ENGLEWOOD ROAD ROUTE 776.
_ALSO_HIGHWAY = re.compile(
    r"^(\d+\w? .*[A-Z\d] [A-Z]{2,}\.?),? (?:(?:US|STATE|COUNTY) )?(?:ROUTE|RTE|RT|HIGHWAY|HWY)\.? \d+[A-Z]?$", re.ASCII
)
_SECOND_STREET = re.compile(
    rf"^(?P<first>\d+\w? .*?[A-Z]{{2,}}\.?(?:,? {DIRECTION})?),? "
    rf"(?P<second>\d+\w? (?:{DIRECTION} )?[A-Z\d][A-Z\d' ]*?[A-Z]{{2,}}\.?(?:,? {DIRECTION})?)"
    rf"(?P<units>,? {UNIT}.*)?$",
    re.ASCII,
)
_INNER_STREET = re.compile(
    rf"[\s,:](?=(?P<street>\d+(?:-\d+)?[A-Z]?(?: \d/\d)?,? (?!{UNIT})(?P<toward>{DIRECTION} )?(?P<name>[A-Z\d].*)$))",
    re.ASCII,
)
_RECIPIENT = re.compile(r"^(?!\d|#)(?!.*[#@])[A-Z][A-Z.,'&/: -]{3,}$", re.ASCII)
_CARE_OF = re.compile(r"^(?:C/O|CLO|%|ATTN:?|ATTENTION:?|CARE OF)\s*")
_ROUTE_WORDS = re.compile(
    r"\b(?:BOX|RR|HC|ROUTE|RTE|RT|HIGHWAY|HWY|ROAD|RD|COUNTY|STATE|INTERSTATE|MILE|MILES|EXIT|UNIT|APT|STE|SUITE|"
    r"BLDG|FL|LOT|CORNER|AND)[ ,.]*$|^(?:NORTH|SOUTH|EAST|WEST|OLD|NEW)$"
)
_BEFORE_UNIT = re.compile(rf",(?:( {DIRECTION}))?,? [A-Z][A-Z .']*,? (?={UNIT}\W)", re.ASCII)
_BUILDING_PART = re.compile(rf",(?: {DIRECTION})? [A-Z .'&]*\b{_BUILDING}(?: \d+)?(?=,|$)", re.ASCII)
_AFTER_UNIT = re.compile(
    rf"^(.*[ ,]{UNIT}\.? ?(?:# ?)?[\w-]*\d[\w-]*)"
    rf"(?:, ?[A-Z' &./-]+(?: \d)?|(?: [A-Z.&-]+){{2,}}|[A-Z ]* (?:{_BUILDING}|ROOM))$",
    re.ASCII,
)
#: A number or a letter with a number between commas: 4101 WINNFIELD ROAD, 106 D.
_SEGMENT_UNIT = re.compile(
    rf",? ?(?<=,) (?!{UNIT}|PO)(\d{{1,4}}|[A-Z]{{1,2}}[ -]?\d{{1,4}})(?: ([A-Z]))?(?=,|$)", re.ASCII
)


def without_remarks(text: str) -> str:
    """The street and its units, without buildings, departments and a second name of the street."""
    text = _SEGMENT_UNIT.sub(r" # \1\2", text)
    text = _BEFORE_UNIT.sub(r",\1 ", _BUILDING_PART.sub("", text))
    found = _AFTER_UNIT.match(text)
    if found and suffix_of(text.split()[-1]) not in PLAIN_SUFFIXES:
        text = found[1]
    found = _ALSO_HIGHWAY.match(text)
    if found and street_end(found[1].split()) == len(found[1].split()):
        text = found[1]
    return _without_building(text).strip(" ,")


def without_recipient(text: str) -> tuple[str, str | None]:
    """The street, and who or what stands before its number: two words, or one that takes no number."""
    for found in _INNER_STREET.finditer(text):
        before = text[: found.start()].strip(" ,:")
        if not _RECIPIENT.match(before) or _ROUTE_WORDS.search(before) or before in TAKES_NUMBER:
            continue
        behind = [word.strip(".,") for word in found["name"].split()[1:5]]
        if any(map(suffix_of, behind)) or (found["toward"] and " " in before):
            return found["street"], _CARE_OF.sub("", before).strip(" ,:")
    return text, None


def without_second_street(text: str) -> str:
    """Of a street and a numbered building in one line (1 LINCOLN CTR 5400 LBJ FWY) the street."""
    found = _SECOND_STREET.match(text)
    if not found:
        return text
    (before, first), (_, second) = _split_suffix(found["first"]), _split_suffix(found["second"])
    if not first or not second or before in TAKES_NUMBER:
        return text
    if (first in _LIKE_BUILDINGS) == (second in _LIKE_BUILDINGS):
        same = found["first"].split()[0] == found["second"].split()[0]
        return f"{found['first']}{found['units'] or ''}" if same else text
    street = found["second"] if first in _LIKE_BUILDINGS else found["first"]
    return f"{street}{found['units'] or ''}"


def _split_suffix(street: str) -> tuple[str, str | None]:
    """(word before, short form) of the suffix that a street ends in, a direction after it left out."""
    words = re.sub(rf",? {DIRECTION}$", "", street).split()
    if len(words) < 3:
        return "", None
    return words[-2], suffix_of(words[-1])


def _without_building(text: str) -> str:
    """The line without the words between street and unit, or behind the street: 853 W HILL ST POST APARTMENTS."""
    words = text.split()
    end = street_end(words)
    if end is None:
        return text
    is_apart = words[end - 1].endswith(",")
    if end < len(words) and re.fullmatch(DIRECTION, words[end].strip(",")):
        end += 1
    rest = words[end:]
    units = next((i for i in range(len(rest)) if _is_unit(rest, i)), len(rest))
    inner = [word.strip(".,'") for word in rest[:units]]
    if not inner or not all(word.isalpha() or word in ("&", "-") for word in inner):
        return text
    last = inner[-1]
    if suffix_forms([last])[last] in PLAIN_SUFFIXES | _OTHER_WAYS or last in TAKES_NUMBER:
        return text
    if len(inner) == 1 and units == len(rest) and not is_apart and not re.fullmatch(_BUILDING, last):
        return text
    return " ".join((*words[:end], *rest[units:]))


def _is_unit(words: Sequence[str], at: int) -> bool:
    """Whether a designator of units stands there; the word for a building only with a number or letter behind it."""
    if not re.match(UNIT, words[at]):
        return False
    behind = words[at + 1] if at + 1 < len(words) else ""
    return words[at].strip(".,") not in ("BUILDING", "BLDG") or (bool(behind) and not re.match(UNIT, behind))
