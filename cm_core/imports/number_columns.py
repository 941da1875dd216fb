"""The columns of a do-not-call list without a header, by their values.

The registry's full list has `AAA,NNNNNNN` or ten digits a line; its change lists join the number and add a time and A
(added) or D (deleted), in an order that no public document fixes. So each column is known by what nearly all of its
values are; a list with a column that nothing is known of is none. Reading the file is in `reader`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from cm_core.imports.content import is_date

#: What change lists say of a number, in upper case; `stage_dnc.sql` knows the same words.
ADDED = frozenset({"A", "ADD", "ADDED", "ADDITION"})
DELETED = frozenset({"D", "DEL", "DELETE", "DELETED", "DELETION"})
#: Share of a column's values that must be of one kind: half of the lines may be bad and are reported as such.
_LEAST_SHARE = 0.5

_PHONE = re.compile(r"1?[2-9][0-9]{9}")
_PHONE_CHARS = re.compile(r"[0-9\s().+-]+")
_AREA_CODE = re.compile(r"[2-9][0-9]{2}")
_NUMBER = re.compile(r"[0-9]{3}[\s.-]?[0-9]{4}")
_TIME = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")


def is_action(value: str) -> bool:
    """Whether a cell says that a number was added or deleted."""
    return value.strip().upper() in ADDED | DELETED


def number_columns(records: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """Names for the columns of these records, which are as wide as most of them; None where they are no such list.

    The names are `phone`, or `area_code` and `number`; `listing_date`, `action`; `column_0` … for columns without a
    value. Of each there is one at most, and a list has its numbers.
    """
    if not records:
        return None
    width = Counter(map(len, records)).most_common(1)[0][0]
    of_width = [record for record in records if len(record) == width]
    names = [_kind([cell.strip() for cell in column if cell.strip()]) for column in zip(*of_width, strict=True)]
    said = [name for name in names if name]
    if None in names or len(said) != len(set(said)):
        return None
    if ("phone" in said) == ("number" in said) or ("number" in said) != ("area_code" in said):
        return None
    return tuple(name or f"column_{position}" for position, name in enumerate(names))


def _kind(values: Sequence[str]) -> str | None:
    """What a column is: '' if it has no value, None if nothing is known of it."""
    if not values:
        return ""
    shares = {name: sum(map(judge, values)) / len(values) for name, judge in _JUDGES.items()}
    name = max(shares, key=lambda name: shares[name])
    return name if shares[name] >= _LEAST_SHARE else None


def _is_phone(value: str) -> bool:
    return _PHONE_CHARS.fullmatch(value) is not None and _PHONE.fullmatch(re.sub(r"[^0-9]", "", value)) is not None


_JUDGES: Mapping[str, Callable[[str], bool]] = {
    "phone": _is_phone,
    "area_code": lambda value: _AREA_CODE.fullmatch(value) is not None,
    "number": lambda value: _NUMBER.fullmatch(value) is not None,
    "action": is_action,
    "listing_date": lambda value: _TIME.fullmatch(value) is not None or is_date(value),
}
