"""What the values of a column show: are they phones, e-mail addresses, ZIPs, states, cities, streets, names, dates?

The hygiene rules are the judge; here it is decided when their answers about a sample are evidence enough. Which of the
columns then becomes which field is in `understanding`. Pure: cells in, verdicts out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Literal

import pyarrow as pa

from cm_core.hygiene.addresses import standardize_addresses
from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.entities import words
from cm_core.hygiene.name_statistics import given_over_surname, is_given, is_surname
from cm_core.hygiene.names import parse_name
from cm_core.hygiene.person_names import stands_last_first as name_order
from cm_core.hygiene.phones import standardize_phone
from cm_core.hygiene.places import parse_zip, state_code, zip_cities, zip_places
from cm_core.hygiene.streets import suffix_forms
from cm_core.hygiene.text import fold, is_blank

Kind = Literal["phone", "email", "zip", "state", "street", "name", "date", "words"]

#: Records looked at, and distinct values judged of each column.
SAMPLE_ROWS = 2_000
JUDGED = 400
#: So many names, and this share of them, must say that a list has surnames first.
ORDERED_NAMES, ORDERED_SHARE = 8, 0.8

_PHONE_CHARS = re.compile(r"[\d()+.\-\s/]+(?:(?:x|ext)[.\s]*\d+)?", re.IGNORECASE)
_UNMISTAKABLE = re.compile(r"\s*(?:\+\d|\(\d{3}\)|1?[\s.-]?\(\d{3}\))")
_BARE = re.compile(r"1?\d{10}")
_WORDS = re.compile(r"(?=.*[^\W\d_])[^\d@]+")
_WORD = re.compile(r"[A-Z]+")
_STARTS_LIKE_STREET = re.compile(
    r"\s*(?:\d{1,6}(?:-\d{1,5})?[A-Z]?(?:\s+\d/\d)?\s+\S*[A-Z]|\d+(?:ST|ND|RD|TH)\b"
    r"|P\.?\s*O\.?\s*B(?:OX)?\b|(?:RR|HC|R\.R\.|RURAL ROUTE|ROUTE|RT)\.?\s*\d)",
    re.IGNORECASE,
)
#: What an address has that other texts with a number in front have not: a box, a route, a direction, a unit.
_TELLING = re.compile(
    r"\b(?:BOX|RR|HC|HWY|HIGHWAY|ROUTE|CR|STE|SUITE|APT|UNIT|BLDG)\b|^\s*\d+\s+(?:[NSEW]|[NS][EW]|NORTH|SOUTH|EAST|WEST)\b",
    re.IGNORECASE,
)
_DATE_SHAPE = re.compile(
    r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})|\d{1,2}-\d{1,2}-\d{4}|(?:18|19|20)\d{6}"
    r"|\d{1,2}-[A-Z]{3}-(?:\d{4}|\d{2})|[A-Z]{3,9}\.? \d{1,2}, \d{4})(?:[T ].*)?",
    re.IGNORECASE,
)
_DATE_FORMATS = (
    "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip


class Column:
    """The sampled cells of one column, in the order of the rows, and the share of its values that are of a kind.

    Shares are of distinct values: a filler that is repeated on every other row does not hide what the others are.
    """

    def __init__(self, cells: Sequence[str | None]) -> None:
        self.cells = [None if is_blank(cell) else (cell or "").strip() for cell in cells]
        self._shares: dict[str, float] = {}

    @cached_property
    def values(self) -> list[str]:
        """Distinct values, in order of appearance; at most JUDGED."""
        return list(dict.fromkeys(cell for cell in self.cells if cell))[:JUDGED]

    @cached_property
    def filled(self) -> int:
        """Cells with a value."""
        return sum(1 for cell in self.cells if cell)

    def share(self, kind: Kind) -> float:
        """Share (0 to 1) of the distinct values that are of `kind`; 0 where there are none."""
        if kind not in self._shares:
            self._shares[kind] = _streets(self.values) if kind == "street" else self._part(_JUDGES[kind])
        return self._shares[kind]

    def _part(self, judge: Callable[[str], bool]) -> float:
        return sum(1 for value in self.values if judge(value)) / len(self.values) if self.values else 0.0

    @cached_property
    def is_counted(self) -> bool:
        """Whether the values look counted out (account numbers, row ids) rather than given: in order, or close by."""
        numbers = [int(digits) for value in self.values if (digits := re.sub(r"\D", "", value))]
        if len(numbers) < 5:
            return False
        steps = [after - before for before, after in pairwise(numbers)]
        rising = sum(1 for step in steps if step > 0) / len(steps)
        ordered = sorted(numbers)
        gaps = sorted(after - before for before, after in pairwise(ordered))
        return rising >= 0.95 or rising <= 0.05 or (len(gaps) >= 9 and gaps[len(gaps) // 2] <= 3)


def stands_last_first(column: Column) -> bool:
    """Whether whole names stand Last First Middle in a list: most names that say anything about it say so."""
    said = [order for value in column.values if (order := name_order(value)) is not None]
    return len(said) >= ORDERED_NAMES and sum(said) >= ORDERED_SHARE * len(said)


def is_email(value: str) -> bool:
    """Whether a cell holds a valid e-mail address."""
    return "@" in value and any(email.email for email in standardize_email(value))


def is_phone(value: str) -> bool:
    """Whether a cell holds a valid phone number."""
    return sum(char.isdigit() for char in value) >= 7 and any(phone.e164 for phone in standardize_phone(value))


def is_date(value: str) -> bool:
    """Whether a cell holds a date of a form that staging reads."""
    shape = _DATE_SHAPE.fullmatch(value)
    if shape is None:
        return False
    for form in _DATE_FORMATS:
        try:
            datetime.strptime(shape[1], form)
            return True
        except ValueError:
            continue
    return False


def is_words(value: str) -> bool:
    """Whether a cell holds words: letters, and no digit."""
    return _WORDS.fullmatch(value) is not None


def is_name(value: str) -> bool:
    """Whether a cell holds a whole name: given name and surname that the census knows, or an organisation's form."""
    if not is_words(value):  # 1045 OIL INVESTORS LTD is a name, 1045 OIL STREET is none
        return not words().legal.isdisjoint(_WORD.findall(value.upper()))
    parties = parse_name(value)
    if any(party.entity_type in ("trust", "estate") for party in parties):
        return True
    if any(party.entity_type == "organization" for party in parties):
        return len(value.split()) > 1
    return bool(parties) and all(
        party.first is not None
        and party.last is not None
        and is_given(_key(party.first))
        and is_surname(_key(party.last))
        for party in parties
    )


def is_zip(value: str) -> bool:
    """Whether a cell holds a ZIP code that exists."""
    zip5 = parse_zip(value, None).zip5
    return zip5 is not None and zip5 in zip_places()


def is_state(value: str) -> bool:
    """Whether a cell holds a state of the United States."""
    return len(value) <= 32 and is_words(value) and state_code(value) is not None


def _is_postcode(value: str) -> bool:
    return parse_zip(value, None).zip5 is not None


_JUDGES: dict[str, Callable[[str], bool]] = {
    "phone": is_phone, "email": is_email, "zip": _is_postcode, "state": is_state, "name": is_name, "date": is_date,
    "words": is_words,
}  # fmt: skip


def unlike_headers(record: Sequence[str]) -> int:
    """How many cells of a record are values that no header is: e-mail addresses and phone numbers."""
    return sum(1 for cell in record if len(cell) <= 255 and (is_email(cell.strip()) or _is_plain_phone(cell.strip())))


def goes_on(record: Sequence[str], columns: Sequence[Column]) -> bool:
    """Whether a file's first record is one more of those that follow, by the columns whose kind is plain to see.

    A header is not of the kind of the values beneath it: `Telefon` is no phone number.
    """
    same = other = 0
    for cell, column in zip(record, columns, strict=False):
        if is_blank(cell) or (judge := _plain_kind(column)) is None:
            continue
        if judge(cell.strip()):
            same += 1
        else:
            other += 1
    return same > other


def _plain_kind(column: Column) -> Callable[[str], bool] | None:
    """What tells a value of the column from a header, where its values are plainly of one kind."""
    if len(column.values) < 2:
        return None
    kinds: tuple[Kind, ...] = ("email", "phone", "date", "zip")
    for kind in kinds:
        if column.share(kind) >= 0.9:
            return _JUDGES[kind]
    if column.share("street") >= 0.5:  # less than it takes to be an address: no header begins like one
        return lambda cell: _streets([cell]) == 1.0
    if name_evidence(column):
        return is_name
    if given_names(column):
        return lambda cell: is_given(_key(cell))
    if surnames(column):
        return lambda cell: is_surname(_key(cell))
    return None


def _is_plain_phone(cell: str) -> bool:
    return _PHONE_CHARS.fullmatch(cell) is not None and is_phone(cell)


def phone_evidence(column: Column) -> float | None:
    """How sure it is (0 to 1) that a column without a telling header is phones, or None.

    Ten digits make no phone number. Numbers written as phones are (brackets or a country code) need to be valid. Those
    written with dashes must not be counted out, as parcels are, and have more than one exchange; bare digits must come
    from several area codes too, since one in three ten-digit numbers is a valid phone number.
    """
    values, valid = column.values, column.share("phone")
    if valid < 0.9 or not values:
        return None
    if any(not _PHONE_CHARS.fullmatch(value) for value in values[:20]) and valid < 0.98:
        return None
    if sum(1 for value in values if _UNMISTAKABLE.match(value)) >= 0.9 * len(values):
        return valid if len(values) >= 3 or (len(values) == 2 and valid == 1) else None
    if column.is_counted:
        return None
    numbers = [phone.e164 for value in values for phone in standardize_phone(value) if phone.e164]
    exchanges = len({number[:8] for number in numbers})
    if exchanges < max(2, min(5, len(values) // 5)):
        return None
    if sum(1 for value in values if _BARE.fullmatch(value)) < 0.5 * len(values):
        return 0.95 * valid if len(values) >= 3 else None
    areas = Counter(number[:5] for number in numbers)
    if len(values) < 10 or valid < 0.95 or len(areas) < 3 or max(areas.values()) > 0.95 * len(numbers):
        return None
    return 0.9 * valid


def email_evidence(column: Column) -> float | None:
    """How sure it is that a column is e-mail addresses, or None."""
    valid = column.share("email")
    return valid if len(column.values) >= 2 and valid >= (0.9 if len(column.values) >= 5 else 1.0) else None


def street_evidence(column: Column) -> float | None:
    """How sure it is that a column is street addresses or post-office boxes, or None."""
    share = column.share("street")
    return 0.95 * share if len(column.values) >= 3 and share >= 0.8 else None


def name_evidence(column: Column) -> float | None:
    """How sure it is that a column is whole names, or None."""
    share = column.share("name")
    if len(column.values) < 5 or share < 0.8 or column.share("words") < 0.5:
        return None
    return 0.9 * share


def given_names(column: Column) -> float | None:
    """How sure it is that a column is given names, or None: single words, nearly all listed as such."""
    return _single_names(column, is_given, lambda lean: lean > 1)


def surnames(column: Column) -> float | None:
    """How sure it is that a column is surnames, or None: single words, nearly all listed as such."""
    return _single_names(column, is_surname, lambda lean: lean < -0.5)


def _single_names(column: Column, listed: Callable[[str], bool], leans: Callable[[float], bool]) -> float | None:
    keys = [_key(value) for value in column.values]
    if len(keys) < 10 or column.share("words") < 0.95 or sum(" " in value for value in column.values) > 0.1 * len(keys):
        return None
    share = sum(1 for key in keys if listed(key)) / len(keys)
    lean = sum(given_over_surname(key) for key in keys) / len(keys)
    return 0.9 * share if share >= 0.85 and leans(lean) else None


def zip_evidence(column: Column) -> float | None:
    """How sure it is that a column is ZIP codes that exist, or None; it takes an address beside it to be believed."""
    if len(column.values) < 3 or column.share("zip") < 0.95 or column.is_counted:
        return None
    known = sum(1 for value in column.values if is_zip(value)) / len(column.values)
    return 0.9 * known if known >= 0.95 else None


def state_evidence(column: Column, zips: Column | None) -> float | None:
    """How sure it is that a column is states, or None: by the ZIP codes of the same rows, or four states and more."""
    if zips is not None and column.share("state") >= 0.8:
        pairs = [(a, b) for a, b in zip(column.cells, zips.cells, strict=True) if a and b and is_zip(b)]
        agree = sum(1 for state, code in pairs if state_code(state) == _state_of(code))
        return agree / len(pairs) if len(pairs) >= 3 and agree >= 0.9 * len(pairs) else None
    return 0.85 if len(column.values) >= 4 and column.share("state") >= 0.95 else None


def city_evidence(column: Column, zips: Column) -> float | None:
    """How sure it is that a column is cities, or None: the postal service knows them for the ZIP codes beside them."""
    if column.share("words") < 0.95:
        return None
    pairs = [
        (city, code) for city, code in zip(column.cells, zips.cells, strict=True) if city and code and is_zip(code)
    ]
    agree = sum(1 for city, code in pairs if fold(city) in zip_cities().get(parse_zip(code, None).zip5 or "", ()))
    return agree / len(pairs) if len(pairs) >= 3 and agree >= 0.7 * len(pairs) else None


#: What a column may turn out to hold instead of what its header or feed says, and from how many distinct values on.
_INSTEAD: dict[Kind, dict[Kind, int]] = {
    "phone": {"email": 3, "date": 5, "name": 10},
    "email": {"phone": 3, "date": 5, "name": 10},
    "date": {"email": 3, "phone": 5, "words": 2},
    "zip": {"email": 3, "phone": 5, "date": 5, "words": 5},
    "state": {"email": 3, "phone": 5, "date": 5},
    "street": {"email": 3, "phone": 5, "date": 5},
    "name": {"email": 3, "phone": 5, "date": 5},
    "words": {"email": 3, "phone": 5, "date": 5},
}
_LEAST_FILLED = 5


def held_instead(column: Column, expected: Kind) -> tuple[Kind, float] | None:
    """What a column holds that is hardly ever (one in twenty) of the `expected` kind but nearly always of another.

    Returns that kind and its share; None where the evidence is anything less than that.
    """
    if column.filled < _LEAST_FILLED or _fits(column, expected) > 0.05:
        return None
    for kind, least in _INSTEAD[expected].items():
        if len(column.values) >= least and (share := column.share(kind)) >= 0.95:
            return kind, share
    return None


def fits(column: Column, expected: Kind) -> float | None:
    """Share of a column's values that are of the kind its field expects; None where there is none to judge."""
    return _fits(column, expected) if column.values else None


def _fits(column: Column, expected: Kind) -> float:
    if expected in ("name", "words", "street"):  # anything with letters may be one
        return sum(1 for v in column.values if any(c.isalpha() for c in v) and not _is_other(v)) / len(column.values)
    return column.share(expected)


def _is_other(value: str) -> bool:
    return is_email(value) or is_date(value)


def _state_of(code: str) -> str | None:
    return zip_places().get(parse_zip(code, None).zip5 or "", (None,))[0]


def _key(name: str) -> str:
    return re.sub(r"[^A-Z]", "", fold(name))


def _streets(values: Sequence[str]) -> float:
    """Share of values that the address rules read as a street, with the words of one."""
    if not values:
        return 0.0
    likely = [value for value in values if _STARTS_LIKE_STREET.match(value) and not is_date(value)]
    if not likely:
        return 0.0
    written = [_WORD.findall(value.upper()) for value in likely]
    suffixes = suffix_forms({word for found in written for word in found})
    told = [
        value
        for value, found in zip(likely, written, strict=True)
        if _TELLING.search(value) or any(suffixes.get(word) for word in found)
    ]
    nothing = pa.nulls(len(told), pa.string())
    table = pa.table(
        {"address_id": pa.array(range(len(told)), pa.int64()), "line1": pa.array(told, pa.string())}
        | dict.fromkeys(("line2", "city", "state", "zip", "zip4"), nothing)
    )
    answers = standardize_addresses(table)
    read = sum(
        1
        for street, reason in zip(answers["street"].to_pylist(), answers["invalid_reason"].to_pylist(), strict=True)
        if street and reason is None
    )
    return read / len(values)
