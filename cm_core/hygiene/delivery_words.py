"""The words of delivery lines: designators, directions, suffixes with a typing error, and what lists spell otherwise.

A spelling is put into the one that doorplate reads: floors by ordinal, highways by `No.`, mail stops, house numbers in
pieces. How a line is taken apart is in `delivery_lines`. Numbers are sections of USPS Publication 28.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cm_core.hygiene.streets import BEFORE_SUITE, suffix_forms

DIRECTION = r"(?:[NS]\.? ?[EW]|[NSEW]|NORTH|SOUTH|EAST|WEST|(?:NORTH|SOUTH)(?:EAST|WEST))\.?"
NUMBER_SIGN = r"(?:(?:NO\b\.?|NUM\b\.?|NUMBER\b|#) ?#?)"
UNIT = (
    r"(?:(?:APT|APARTMENT|STE|SUITE|UNIT|RM|ROOM|FL|FLR|FLOOR|BLDG|BUILDING|LOT|SPC|SPACE|TRLR|PMB|DEPT|STOP)"
    r"(?![A-Z])|#)"
)
ORDINALS = {
    "FIRST": "1", "SECOND": "2", "THIRD": "3", "FOURTH": "4", "FIFTH": "5", "SIXTH": "6", "SEVENTH": "7",
    "EIGHTH": "8", "NINTH": "9", "TENTH": "10", "ELEVENTH": "11", "TWELFTH": "12",
}  # fmt: skip
_NUMBER_WORDS = frozenset(("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN"))
_TENS = {
    "THIRTY": "30", "FORTY": "40", "FIFTY": "50", "SIXTY": "60", "SEVENTY": "70", "EIGHTY": "80", "NINETY": "90",
}  # fmt: skip
#: A number after these is a route's or part of a name, not a unit's.
TAKES_NUMBER = frozenset(
    (
        "HIGHWAY", "HWY", "HGWY", "ROUTE", "RTE", "RT", "ROAD", "RD", "CR", "SR", "FM", "RM", "US", "INTERSTATE",
        "LOOP", "SPUR", "CALLE", "AVENIDA", "CAMINO", "BOX", "AVENUE", "AVE", "STREET", "ST", "COUNTY", "STATE",
        "TOWNSHIP", "PARISH", "COUNTRY", "FARM", "RANCH", "PRIVATE", "TRACT", "SECTION", "MILE", "MILES",
        "PIER", "EXIT", "LOT", "BUSINESS", "BYPASS", "FLOOR", "LEVEL", "AND",
        "NUMBER", "HC", "RR", "PSC", "CMR", "SITE", "CAMP", "WELL",
    )
)  # fmt: skip
#: Suffixes of streets alone; others are parts of names and buildings too.
PLAIN_SUFFIXES = frozenset(("ST", "AVE", "RD", "BLVD", "DR", "LN", "TER", "PKWY"))
# Of these a letter may be missing, doubled or exchanged with its neighbour; a word of its own is none of them.
_NAMED_SUFFIXES = (
    "STREET",
    "AVENUE",
    "BOULEVARD",
    "PARKWAY",
    "HIGHWAY",
    "TERRACE",
    "CIRCLE",
    "EXPRESSWAY",
    "FREEWAY",
    "PLAZA",
)
_LIKE_SUFFIXES = frozenset(("VENUE", "STREETER", "CIRCLET", "TERRANCE"))
_SHORT_SUFFIXES = {"BVD": "BLVD", "BLV": "BLVD", "EXPWY": "EXPY", "EXWY": "EXPY"}
_COMPASS = re.compile(r"NORTH|SOUTH|EAST|WEST|[NSEW]")
START_UNITS = re.compile(
    rf"^(?P<units>(?:{UNIT}\.? ?(?:# ?)?\w{{1,5}},? )+)(?P<rest>\d+\w? (?:{DIRECTION} )?[A-Z\d]{{2,}}.*)$", re.ASCII
)
_SHORT_UNITS = {"FRONT": "FRNT", "LOWER": "LOWR", "UPPER": "UPPR"}
# In this order.
_SPELLINGS = tuple(
    (re.compile(pattern, re.ASCII), by)
    for pattern, by in (
        (r";", ","),
        (r"\((?=(?:M\W?C|MSC|APT|STE|SUITE|UNIT|RM|ROOM|#)\b)([^()]*)\)", r"\1"),
        (r"\bU\.? S\.? (?=HIGHWAY|HWY|ROUTE|RTE|RT\b|\d)", "US "),
        # 321 of the highways: COUNTY RD NO 312, US HIGHWAY # 202, ROUTE # A
        (
            r"((?:^|\d |(?:^|\d )" + DIRECTION + r" |\bUS |\bU\.S\. |\bSTATE |\bCOUNTY |\bCO |\bTOWNSHIP )"
            r"(?:HIGHWAY|HWY|ROUTE|RTE|RT|ROAD|RD)\.?) " + NUMBER_SIGN + r" ?(?=\d+\w?\b|[A-Z]{1,2}\b)",
            r"\1 ",
        ),
        (r"\bCO\.? (?:RD|ROAD)\.? (?=\d|[A-Z]{1,2}$)", "COUNTY ROAD "),
        (r"^(\d+\w? )RM (?=\d)", r"\1RANCH ROAD "),
        (r"\b(PRIVATE|PARISH) RD\.? (?=\d)", r"\1 ROAD "),
        (r"\bCOUNTY ST\.? (?=\d)", "COUNTY STREET "),
        # C2 without a range: behind a highway's number only, since elsewhere they are names too (LAKE FRONT)
        (
            r"(\b(?:HIGHWAY|HWY|ROUTE|RTE|RT|ROAD|RD|CR|SR|SH|FM|US|I)[ -]\d+[A-Z]?(?:,? " + DIRECTION + r")?),? "
            r"(FRONT|LOWER|UPPER)$",
            lambda m: f"{m[1]} {_SHORT_UNITS[m[2]]}",
        ),
        # 213 units, C2 designators
        (r"\b(?:BLD|BLG|BLDNG|BDG)\b\.?[ -]?(?=#?(?!STE|APT|UNIT|RM|FL\b)\w{1,4}\b)", "BLDG "),
        (r"\bBLDG-(?=\w)", "BLDG "),
        (r"\b(?:CONDO|CONDOMINIUM)\.? #?(?=\w{0,2}\d)", "UNIT "),
        (r"\bFLAT #?(?=\d+\w?\b)", "APT "),
        (r"\b(?:MAIL ?BOX|MBX)\.? ?(?:# ?)?(?=\d)", "PMB "),
        (r"(?<=,) ST\.? #?(?=\d+\w?$)", " STE "),
        (
            rf"(?<= )({'|'.join(BEFORE_SUITE)})\.?,? ST\.? #?(?=\d+\w?$)",
            r"\1 STE ",
        ),
        (r"(?:^|(?<=[ ,]))(?:P\.? ?O\.?|POST OFFICE) ?#?(?=\d{2,}$)", "PO BOX "),
        (r"(?<=[A-Z]{2} )([NS])\.? ([EW])\.?(?=,? (?:#|\d|" + UNIT + r"))", r"\1\2"),
        (
            r"(?<=[ ,])(\d+|" + "|".join(ORDINALS) + r")(?:ST|ND|RD|TH)?\.? (?:FLOOR|FLR|FL)\b\.?(?! ?#?\d+\b(?! \w))",
            lambda m: f"FL {ORDINALS.get(m[1], m[1])}",
        ),
        (r"(?:\bMAIL ?(?:CODE|STOP)|\bMSC?|\bM[/.]?[CS]|\bMC)\.? ?[:#-]? ?(?=[A-Z]{0,2}\d[\w-]*\b)", "STOP "),
        (r",? \(?\b(?:ACCT|ACCOUNT|CUSTOMER|CUST|CLIENT|FILE|REF|REFERENCE|LOAN|POLICY)\b\.?(?: CODE)? ?" + NUMBER_SIGN + r"? ?\d[\d-]*\)?", ""),  # noqa: E501
        (r"^(?:ACCT|ACCOUNT|CUSTOMER|CUST|CLIENT|FILE|REF|REFERENCE|LOAN|POLICY)\b\.?(?: CODE)? ?" + NUMBER_SIGN + r"? ?\d[\d-]*,? ", ""),  # noqa: E501
        # 234 directionals: SO, NO
        (r"^(\d+(?: ?[A-Z])?(?: \d/\d)?) SO\.? (?=[A-Z\d]{2,})", r"\1 S "),
        (r"^(\d+\w?(?: \d/\d)?) NO\. (?=[A-Z\d]{2,})", r"\1 N "),
        (r"(?<=\d )([NS])\.? ([EW])\.? (?=EXP[A-Z]*\b)", r"\1\2 "),
        # 232 house numbers
        (r"^# ?(?=\d+\w? [A-Z\d])", ""),
        (r"^([NSEW]\d+) ([NSEW]\d+)(?= )", r"\1\2"),
        (r"^(?:" + "|".join(_TENS) + r")(?= (?:" + DIRECTION + r" )?[A-Z]{3})", lambda m: _TENS[m[0]]),
        # units that stand before the number or between number and name
        (r"^(\d+) ((?:# ?|(?:APT|UNIT|STE) )[A-Z\d]{1,4}) (?=[A-Z]{3})(.+)$", r"\1 \3 \2"),
        # units with a direction: # 3 SOUTH
        (
            r"((?:" + UNIT + r")\.? ?(?:# ?)?\d+) (" + DIRECTION + r")$",
            lambda m: m[1] + letters_of(m[2]),
        ),
    )
)  # fmt: skip
# Parts of a building that a direction, a number or a letter tells apart: NORTH TOWER, WING B, HOUSE 3.
_PART_OF_BUILDING = re.compile(
    r",? (?:(?P<toward>NORTH|SOUTH|EAST|WEST|[NSEW])\.? (?:TOWER|TWR|WING|BUILDING|BLDG)"
    r"|(?:TOWER|TWR|WING|HOUSE|BUILDING|BLDG)\.? (?:# ?)?(?P<id>\d{1,3}|[A-Z]|II|III|IV|NORTH|SOUTH|EAST|WEST))"
    rf"(?=,|$| {UNIT})",
    re.ASCII,
)
# What any of the above needs: lines without it are left alone.
_RESPELLED = frozenset(
    (
        "NO", "NUM", "NUMBER", "SO", "RM", "CO", "BLD", "BLG", "BLDNG", "BDG", "CONDO", "CONDOMINIUM", "FLAT", "MAIL",
        "MAILBOX", "MAILCODE", "MAILSTOP", "MBX", "FL", "FLR", "FLOOR", "M/C", "M/S", "MC", "MS", "MSC", "ACCT",
        "ACCOUNT", "CUSTOMER", "CUST", "CLIENT", "FILE", "REF", "REFERENCE", "LOAN", "POLICY", "PO", "P", "POST",
        "TOWER", "TWR", "WING", "HOUSE", "BUILDING", "BLDG", "PRIVATE", "PARISH", "FRONT", "LOWER", "UPPER",
    )
)  # fmt: skip
# Words that `delivery_lines` looks for.
_RULED = frozenset(
    (
        "REAR", "LOBBY", "LBBY", "BASEMENT", "BSMT", "LEVEL", "LVL", "LOWR", "UPPR", "FRNT", "BOX", "CMR", "DRAWER",
        "DWR", "CALLER", "BIN", "LBX", "LOCKBOX", "LOCK", "BLDG", "BUILDING", "ROOM", "LOT",
    )
)  # fmt: skip
_BOX_WORDS = frozenset(("P", "PO", "BOX"))
_SIGNS = re.compile(
    rf"[;(#]|\bBLDG-|\bU\.? S\b|\bST\.? \d|^[NSEW]\d|^[A-Z]+TY |^\d+ (?:APT|UNIT|STE) |"
    rf" [NS]\.? ?[EW]\b|\d {DIRECTION}$",
    re.ASCII,
)


def respelled(text: str) -> str:
    """A line in upper case with the words of `_SPELLINGS` in the spelling that doorplate reads."""
    if _RESPELLED.isdisjoint(text.replace(",", " ").replace(".", " ").split()) and not _SIGNS.search(text):
        return text
    for pattern, by in _SPELLINGS:
        text = pattern.sub(by, text)
    if found := START_UNITS.match(text):
        text = f"{found['rest']} {found['units'].strip(' ,')}"
    return _with_building(text).strip(" ,")


def _with_building(text: str) -> str:
    """A tower, wing or house behind a street as the building that it is by 213: 50 BAY BLVD BLDG N."""
    found = _PART_OF_BUILDING.search(text)
    if not found:
        return text
    words = text[: found.start()].split()
    if words and re.fullmatch(DIRECTION, words[-1]):
        words.pop()
    if len(words) < 3 or not words[0][0].isdigit() or not (found[0].startswith(",") or suffix_of(words[-1])):
        return text
    number = found["toward"] or found["id"]
    return f"{text[: found.start()]} BLDG {letters_of(number) or number}{text[found.end() :]}"


def letters_of(direction: str) -> str:
    """A direction as its letters: SOUTH EAST, S. E. and SOUTHEAST are SE."""
    return "".join(word[0] for word in _COMPASS.findall(direction))


@lru_cache(maxsize=65_536)
def suffix_of(word: str) -> str | None:
    """The abbreviation of a suffix, one with a typing error too; None for any other word."""
    word = word.strip(".,")
    short = suffix_forms([word])[word]
    if short is None and (meant := suffix_meant(word)):
        short = suffix_forms([meant])[meant]
    return short


@lru_cache(maxsize=65_536)
def suffix_meant(word: str) -> str | None:
    """The suffix that `word` is, but for one letter; None where it is one, or may be a word of its own."""
    if word in _SHORT_SUFFIXES:
        return _SHORT_SUFFIXES[word]
    if len(word) < 5 or word in _LIKE_SUFFIXES:
        return None
    for suffix in _NAMED_SUFFIXES:
        if abs(len(word) - len(suffix)) <= 1 and word[0] == suffix[0] and word != suffix and is_near(word, suffix):
            return None if word == f"{suffix}S" or suffix_forms([word])[word] else suffix
    return None


@lru_cache(maxsize=65_536)
def has_a_rule(word: str) -> bool:
    """Whether a word is misspelled or one that a rule of delivery lines looks for; those of boxes and routes aside."""
    return (
        (word in _RULED and word not in _BOX_WORDS)
        or (word in _RESPELLED and word not in _BOX_WORDS)
        or suffix_meant(word) is not None
    )


def is_near(word: str, other: str) -> bool:
    """Whether one letter left out, too many or two exchanged is all that makes the words differ."""
    if len(word) == len(other):
        at = [i for i, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
        return len(at) == 2 and at[1] == at[0] + 1 and word[at[0]] == other[at[1]] and word[at[1]] == other[at[0]]
    long, short = sorted((word, other), key=len, reverse=True)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def street_end(words: Sequence[str]) -> int | None:
    """Where the street of a delivery line ends: the index behind its first plain suffix (ST, AVE, RD and the like).

    None where there is none behind a number and a name.
    """
    if not words or not (words[0][:1].isdigit() or words[0] in _NUMBER_WORDS):
        return None
    named = False
    for i, word in enumerate(words[1:], start=1):
        bare_word = word.strip(".,")
        if named and suffix_forms([bare_word])[bare_word] in PLAIN_SUFFIXES:
            return i + 1
        named = named or not re.fullmatch(DIRECTION, bare_word)
    return None
