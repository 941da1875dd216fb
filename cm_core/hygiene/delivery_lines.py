"""Delivery lines as lists have them, put into words that doorplate reads: text in, text out.

Boxes of every kind, units, a recipient or a building beside the street. What a word means in USPS form stays
doorplate's to say; only what it has no words for (boxes of routes without a number, CMR, units in letters, a third
unit) is answered here. City, state and ZIP are not here. Numbers are sections of USPS Publication 28.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cm_core.hygiene.beside_streets import without_recipient, without_remarks, without_second_street
from cm_core.hygiene.delivery_words import (
    DIRECTION,
    NUMBER_SIGN,
    ORDINALS,
    PLAIN_SUFFIXES,
    START_UNITS,
    TAKES_NUMBER,
    UNIT,
    has_a_rule,
    letters_of,
    respelled,
    suffix_meant,
    suffix_of,
)
from cm_core.hygiene.places import state_code

_WITHOUT_RANGE = {
    "REAR": "REAR", "LOBBY": "LBBY", "LBBY": "LBBY", "BASEMENT": "BSMT", "BSMT": "BSMT",
    "LOWER LEVEL": "LOWR", "LOWER LVL": "LOWR", "UPPER LEVEL": "UPPR", "UPPER LVL": "UPPR", "LOWR": "LOWR",
    "UPPR": "UPPR", "FRNT": "FRNT",
}  # fmt: skip
_OLD_DIRECTIONS = frozenset(("SO", "NO"))
_DIRECTIONS = frozenset(("NORTH", "SOUTH", "EAST", "WEST", "NORTHEAST", "NORTHWEST", "SOUTHEAST", "SOUTHWEST"))
_KINDS = {
    "FLR": "FL",
    "FLOOR": "FL",
    "APARTMENT": "APT",
    "SUITE": "STE",
    "ROOM": "RM",
    "BUILDING": "BLDG",
    "SPACE": "SPC",
}
_BOX_WORDS = (
    r"P(?:OST)?\.? ?[O0](?:FFICE)?\.? ?(?:BOX|BX|B\b|DRAWER|DWR)\.?|(?<=\d )P\.?O\.?B\.?(?= ?#?\d)|"
    r"LOCK ?BOX|LBX|LB(?= ?(?:# ?)?\d{3})|(?:FIRM )?CALLER(?: BOX)?(?= ?(?:(?:NO\.?|#) ?)?\d)|"
    r"(?:DRAWER|DWR)|BIN(?= ?(?:# ?)?\d)"
)
_BOX = re.compile(
    rf"(?:^|[\s,]+)(?P<kind>{_BOX_WORDS}) ?{NUMBER_SIGN}? ?"
    r"(?P<id>[A-Z]{1,2} \d+|[A-Z]?-?\d[\w-]*|[A-Z]{1,2}(?=$|,))(?=$|[\s,])",
    re.ASCII,
)
_BOX_SIGN = re.compile(r"BOX|\bBX\b|DRAWER|DWR|\bL\.?BX?\b|CALLER|\bBIN\b|\bP\.?O\.?B\b", re.ASCII)
_POST_OFFICE = re.compile(r"P")
_BARE_BOX = re.compile(r"^(\d.*?|(?:FM|CR|SR|HWY|HIGHWAY|COUNTY ROAD) \d+),? BOX ?(?:# ?)?(\d[\w-]*)$", re.ASCII)
_STREET_AND_ROUTE = re.compile(
    r"^(\d.*?[A-Z]{3,}.*?),? (?:RR|RFD|HC|HCR|RURAL ROUTE) ?(?:# ?)?(\d+\w?),? BOX ?(?:# ?)?(\w+)$", re.ASCII
)
_ROUTE_BOX = re.compile(
    r"^(RURAL (?:ROUTE|RTE|RT)|RR|R R|RFD|ROUTE|RTE|RT|HC|HCR|STAR (?:ROUTE|RTE|RT)|HIGHWAY CONTRACT)\.?,?"
    rf" BOX\.? ?{NUMBER_SIGN}? ?(\d[\w-]*)$",
    re.ASCII,
)
_IS_ROUTE = re.compile(r"(?:RR|R\.? ?R\.?|RFD|ROUTE|RTE|RT|HC|HCR|RURAL|STAR|HIGHWAY|HWY)\b.*\d.*BOX")
_CMR = re.compile(rf"^CMR ?{NUMBER_SIGN}? ?(\d+),? BOX ?{NUMBER_SIGN}? ?(\w+)$", re.ASCII)
_END_UNIT = re.compile(
    rf"[\s,]+(?:(?P<alone>{'|'.join(_WITHOUT_RANGE)})|(?P<floor>GROUND|MAIN|GRND) (?:FLOOR|FL|FLR|LEVEL|LVL)"
    r"|FL (?P<fl>GRND|MAIN)"
    rf"|(?P<kind>{UNIT})\.? ?(?:# ?)?(?P<id>[A-Z]?-?\d[\w-]*|[A-Z]{{1,2}}))$",
    re.ASCII,
)
_BARE_UNIT = re.compile(
    rf"^(\d+\w?(?: \d/\d)? (?:{DIRECTION} )?(?:[A-Z'.-]+ )*?([A-Z]{{4,}})),? (\d{{1,5}}[A-Z]?)(?: ({DIRECTION}))?$",
    re.ASCII,
)
_BARE_NUMBER_LETTER = re.compile(r"^(\d+\w? .*[A-Z\d] ([A-Z]{2,})\.?),? (\d{1,4}) ([A-DF-MO-RTUVX-Z])$", re.ASCII)
_TWO_NUMBERS = re.compile(r"^(\d+\w? .*[A-Z\d] ([A-Z]{2,})\.?),? (?:# ?)?(\d[\d-]* \d+[A-Z]?)$", re.ASCII)
_BARE_LETTERS = re.compile(rf"^(\d+\w? .*[A-Z\d] ([A-Z]{{2,}})\.?),? (?!{DIRECTION}$|SO$|NO$)([A-Z]{{2}})$", re.ASCII)
_START_FLOOR = re.compile(
    rf"^(?P<before>(?:[^\d]*[ ,])?)(?P<nth>\d+(?=ST|ND|RD|TH)|{'|'.join(ORDINALS)})(?:ST|ND|RD|TH)?\.? "
    r"(?:FLOOR|FLR|FL)\b,? (?P<rest>.*\d.*)$",
    re.ASCII,
)
_AFTER_DIRECTION = re.compile(rf"^(.* ({DIRECTION}),?) (\d+\w?) ({DIRECTION})$", re.ASCII)
_RANGE = re.compile(rf"^(\d+) (\d+) (?={DIRECTION} \d*[A-Z]{{2,}}|[A-Z]{{3}})", re.ASCII)
_SEVERAL_DIRECTIONS = re.compile(rf"^(.*?\b([A-Z]+)\.?),? (SO|NO)\.?(?=$|,? (?:{UNIT}|PO BOX)\b)", re.ASCII)
_HOUSE_LETTER = re.compile(
    rf"^(\d+)(?:,? | ?- ?)?([A-DF-HR])\.? (?=(?:{DIRECTION} )?([A-Z]{{3,}})|{DIRECTION} \d)", re.ASCII
)
_LETTERED = frozenset(("ST", "AVE"))
# Lines of these shapes are as doorplate wants them, unless one of their words is misspelled or has a rule of its own.
_SIMPLE = re.compile(
    r"\d{1,6} (?:(?:[NS]?[EW]|[NS])\.? )?(?:[A-Z]{3,}|\d*(?:1ST|2ND|3RD|\dTH))(?: [A-Z]{3,}){0,3}"
    r"(?: (?:ST|RD|DR|LN|CT|PL|AV))?\.?(?:,? (?:APT|STE|SUITE|UNIT)\.? [A-Z]?\d{1,5}[A-Z]?)?"
    r"|(?:RR|HC) \d+ BOX \d+[A-Z]?|P\.? ?O\.? BOX \d+[A-Z]?",
    re.ASCII,
)
_LINE_MAX = 200  # characters; longer ones are no delivery lines


class Line(NamedTuple):
    """A delivery line for doorplate, and what was taken off it.

    `text` is empty where nothing but a box is left. `units` (USPS form) follow the street; `box` is the number of a
    PO box beside or instead of a street; `answer` is the whole delivery line and the head of its key, where doorplate
    has no form for it.
    """

    text: str
    care_of: str | None = None
    units: tuple[str, ...] = ()
    box: str | None = None
    answer: tuple[str, str] | None = None


def readable(line: str, *, alone: bool = False) -> Line:
    """A delivery line (squeezed text, no city in it) as doorplate can read it, in upper case.

    A PO box that stands at the start or behind a street is left to doorplate, unless it is to stand `alone`.
    """
    text = line.upper()
    if len(text) > _LINE_MAX:
        return Line(text)
    if (
        not alone
        and _SIMPLE.fullmatch(text)
        and not any(map(has_a_rule, text.replace(",", " ").replace(".", " ").split()))
    ):
        return Line(text)
    found = _START_FLOOR.match(text) if "FL" in text else None
    if found and (found["rest"][0].isdigit() or not found["before"]):
        text = f"{found['before']}{found['rest']} FL {ORDINALS.get(found['nth'], found['nth'])}"
    if text[:1].isalpha() and (found := START_UNITS.match(text)):
        text = f"{found['rest']} {found['units'].strip(' ,')}"
    text = respelled(text)
    care_of = box = None
    units: list[str] = []
    if found := _CMR.match(text):
        return Line("", answer=(f"CMR {found[1]} BOX {found[2]}", f"M|CMR|{found[1]}|{found[2]}||"))
    if _BOX_SIGN.search(text):
        if found := _ROUTE_BOX.match(text):
            kind = "HC" if found[1].startswith(("HC", "STAR", "HIGHWAY")) else "RR"
            return Line("", answer=(f"{kind} BOX {found[2]}", f"R|{kind}||{found[2]}|"))
        if found := _STREET_AND_ROUTE.match(text):
            return Line(found[1], units=(f"RR {found[2]}", f"BOX {found[3]}"))
        text, box = _without_box(text, alone=alone)
        if not box and not _BOX.search(text) and (found := _BARE_BOX.match(text)):
            text = found[1]
            units.append(f"BOX {found[2]}")
    if not text[:1].isdigit():
        text, care_of = without_recipient(text)
    if found := _HOUSE_LETTER.match(text):
        text = _with_letter(text, found)
    numbers = sum(word[0].isdigit() for word in text.split())
    if numbers > 1:
        text = without_second_street(text)
    text = _mended(text)
    text, taken = _without_units(text)
    units = taken + units
    found = _TWO_NUMBERS.match(text) if numbers > 2 else None
    if found and suffix_of(found[2]) in PLAIN_SUFFIXES and found[1].split()[-2] not in TAKES_NUMBER:
        text, units = found[1], [f"# {found[3]}", *units]
    elif not units:
        text = _with_sign(text)
    return Line(text.strip(" ,"), care_of, tuple(units), box)


def bare(line: str) -> Line | None:
    """What is left of a delivery line without buildings and remarks; None where that is all of it.

    For lines that doorplate does not read otherwise.
    """
    reading = readable(line, alone=True)
    text = without_remarks(reading.text)
    if text == reading.text or not text:
        return None if reading == readable(line) else reading
    again = readable(text, alone=True)
    return again._replace(care_of=reading.care_of or again.care_of, units=again.units + reading.units, box=reading.box)


def _without_box(text: str, *, alone: bool) -> tuple[str, str | None]:
    """The line without its box (281, 282: a lockbox, drawer, caller or bin is a PO box), and the box's number.

    Only where something stands beside the box: a line that is a box is left to doorplate.
    """
    found = [box for box in _BOX.finditer(text) if _POST_OFFICE.match(box["kind"]) or not suffix_of(box["id"])]
    if not found or _IS_ROUTE.match(text):
        return text, None
    of_office = [box for box in found if _POST_OFFICE.match(box["kind"])]
    if not alone and len(found) == len(of_office) == 1 and (not found[0].start() or text[0].isdigit()):
        return text, None
    box = (of_office or found)[0]
    rest = text
    for other in reversed(found):
        rest = f"{rest[: other.start()]} {rest[other.end() :]}"
    rest = " ".join(rest.split()).strip(" ,")
    number = box["id"].replace(" ", "")
    return rest, number


def _with_letter(text: str, found: re.Match[str]) -> str:
    """A letter between number and name belongs to the number (232): 1809 C CROSS BEAM DR, but not in 805 B ST."""
    name = found[3]
    after = text[found.end() :].partition(name)[2].split() if name else []
    if name and (suffix_of(name) in _LETTERED or name == "AND" or (suffix_of(name) and not any(map(suffix_of, after)))):
        return text
    return f"{found[1]}{found[2]} {text[found.end() :]}"


def _mended(text: str) -> str:
    """Suffixes with one letter left out, doubled or exchanged (PAKWAY), ranges and directions in other spellings."""
    words = text.replace(",", " ").replace(".", " ").split()
    if (found := _RANGE.match(text)) and len(found[1]) == len(found[2]) and found[1] < found[2]:
        text = f"{found[1]}-{found[2]} {text[found.end() :]}"
    if not _OLD_DIRECTIONS.isdisjoint(words) and (found := _SEVERAL_DIRECTIONS.match(text)) and suffix_of(found[2]):
        text = f"{found[1]} {found[3][0]}{text[found.end() :]}"
    if (found := _AFTER_DIRECTION.match(text)) and not found[2].isdigit():
        before = found[1].replace(",", "").split()
        if len(before) > 3 and suffix_of(before[-2]):
            text = f"{' '.join(before)} # {found[3]}{letters_of(found[4])}"
    if not any(map(suffix_meant, words)):
        return text
    for found in re.finditer(r" ([A-Z]{3,11})\.?(?=$|,| )", text):
        suffix = suffix_meant(found[1])
        behind = text[found.end() :]
        if (
            suffix
            and re.match(r"\d+\w?(?: \d/\d)? \S", text[: found.start()])
            and re.match(rf"(?:,? {DIRECTION})?(?:$|,|,? {UNIT}\W)", behind)
        ):
            return f"{text[: found.start()]} {suffix}{behind}"
    return text


def _without_units(text: str) -> tuple[str, list[str]]:
    """The street, and its units where doorplate would not read them: more than two, in letters, or no suffix before."""
    units: list[str] = []
    rest = text
    special = False
    while found := _END_UNIT.search(rest):
        if len(rest[: found.start()].split()) < 2 or not rest[:1].isdigit():
            break
        if found["alone"]:
            before = rest[: found.start()].split()[-1]
            special = special or suffix_of(before) is None or found["alone"].endswith(("LEVEL", "LVL"))
            units.insert(0, _WITHOUT_RANGE[found["alone"]])
        elif floor := found["floor"] or found["fl"]:
            special = True
            units.insert(0, f"FL {floor.replace('GROUND', 'GRND')}")
        else:
            units.insert(0, f"{_KINDS.get(found['kind'], found['kind'])} {found['id']}")
        rest = rest[: found.start()].rstrip(" ,")
    special = special or any(unit.startswith("#") for unit in units[:-1])
    return (rest, units) if special or len(units) > 2 else (text, [])


def _with_sign(text: str) -> str:
    """A number alone after a street without a suffix is a unit: 1020 W BRYN MAWR 211."""
    last = text.rpartition(" ")[2]
    if not (last[:1].isdigit() or len(last) < 3 or (last.strip(".") in _DIRECTIONS)):
        return text
    found = _BARE_LETTERS.match(text)
    if (
        found
        and suffix_of(found[2]) in PLAIN_SUFFIXES
        and found[1].split()[-2] not in TAKES_NUMBER
        and not (suffix_of(found[3]) or state_code(found[3]))
    ):
        return f"{found[1]} # {found[3]}"
    found = _BARE_NUMBER_LETTER.match(text)
    if found and suffix_of(found[2]) in PLAIN_SUFFIXES and found[1].split()[-2] not in TAKES_NUMBER:
        return f"{found[1]} # {found[3]}{found[4]}"
    found = _BARE_UNIT.match(text)
    if (
        not found
        or found[2] in TAKES_NUMBER
        or found[2] in _DIRECTIONS
        or suffix_meant(found[2])
        or found[2].endswith("CR")
        or state_code(found[2])
        or suffix_of(found[2])
        or TAKES_NUMBER.intersection(found[1].split())
    ):
        return text
    return f"{found[1]} # {found[3]}{letters_of(found[4] or '')}"
