"""The delivery line of an ordinary US address without parsing it anew: a number, a street seen before, a unit number.

Streets repeat more than addresses do. doorplate is asked once for each street (with a number of our own); when its
answer is the plain one, the same street with any other number is put together here. Anything unusual is not
ordinary and takes the long way through `addresses`, whose answer is the same (a test holds the two together).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import doorplate

# Given a city, doorplate looks for it at the end of the street and cuts 1501 N SHAWNEE of SHAWNEE, OK to 1501 N.
# Streets that come in their own column are therefore parsed as if they lay in this place, which no street is
# named after; only the street is read from the answer.
NEUTRAL_CITY, NEUTRAL_STATE, NEUTRAL_ZIP = "OOLOGAH", "OK", "74053"

_BOX = re.compile(r"P\.? ?O\.? BOX ([1-9]\d{0,5})", re.ASCII | re.IGNORECASE)
_NUMBERED = re.compile(r"([1-9]\d{0,5}) ([A-Z][A-Z\d .,#]*?)(?:(?: |(?<=#))([1-9]\d{0,3}))?", re.ASCII)
_PROBE_NUMBER, _PROBE_UNIT = "1234", "56"
_STREETS_KEPT = 200_000  # about 60 MB


class Ordinary(NamedTuple):
    """A delivery line and its match key, which is `key_head`, the place, `key_tail`."""

    street: str
    key_head: str
    key_tail: str


class _Form(NamedTuple):
    """What doorplate makes of a street between the house number and the unit number."""

    street: str
    key_head: str


_forms: dict[tuple[str, bool], _Form | None] = {}


def parse_streets(
    line1: Sequence[str | None], line2: Sequence[str | None] | None
) -> list[doorplate.ParsedAddress | None]:
    """doorplate's reading of street lines that came apart from their city; city, state and ZIP of it mean nothing."""
    n = len(line1)
    return doorplate.parse_fields_many(
        line1=line1, line2=line2, city=[NEUTRAL_CITY] * n, state=[NEUTRAL_STATE] * n, zip=[NEUTRAL_ZIP] * n
    )


def ordinary_streets(lines: Sequence[str | None]) -> list[Ordinary | None]:
    """For each line (squeezed text; None for a line that must not come here) its ordinary form, or None."""
    found: list[Ordinary | None] = [None] * len(lines)
    waiting: list[tuple[int, str, str, str | None]] = []
    unseen: dict[tuple[str, bool], None] = {}
    for i, line in enumerate(lines):
        if line is None:
            continue
        box = _BOX.fullmatch(line) if line[0] in "Pp" else None
        if box:
            found[i] = Ordinary(f"PO BOX {box[1]}", f"P|{box[1]}|", "")
            continue
        numbered = _NUMBERED.fullmatch(line.upper())
        if numbered:
            number, street, unit = numbered.groups()
            waiting.append((i, number, street, unit))
            if (street, unit is not None) not in _forms:
                unseen[street, unit is not None] = None
    if len(_forms) + len(unseen) > _STREETS_KEPT:
        _forms.clear()
        unseen = dict.fromkeys((street, unit is not None) for _, _, street, unit in waiting)
    _learn(list(unseen))
    for i, number, street, unit in waiting:
        form = _forms[street, unit is not None]
        if form is not None:
            if unit is None:
                found[i] = Ordinary(f"{number} {form.street}", f"S|{number}|{form.key_head}", "")
            else:
                found[i] = Ordinary(f"{number} {form.street} {unit}", f"S|{number}|{form.key_head}", f"|{unit}")
    return found


def _learn(streets: Sequence[tuple[str, bool]]) -> None:
    if not streets:
        return
    probes = [f"{_PROBE_NUMBER} {street}{f' {_PROBE_UNIT}' if unit else ''}" for street, unit in streets]
    for (street, unit), parsed in zip(streets, parse_streets(probes, None), strict=True):
        _forms[street, unit] = _form(parsed, unit) if parsed is not None else None


def _form(parsed: doorplate.ParsedAddress, unit: bool) -> _Form | None:
    key, line = parsed.key(unit=True), parsed.to_usps()["line1"]
    if key is None or line is None or parsed.warnings or parsed.attention or parsed.po_box or parsed.unparsed:
        return None
    tail = f"|{NEUTRAL_STATE}|{NEUTRAL_ZIP}|{_PROBE_UNIT if unit else ''}|"
    head = f"S|{_PROBE_NUMBER}|"
    _, _, key = key.partition(":")
    if not (key.startswith(head) and key.endswith(tail) and line.startswith(f"{_PROBE_NUMBER} ")):
        return None
    line = line.removeprefix(f"{_PROBE_NUMBER} ")
    if unit:
        if not line.endswith(f" {_PROBE_UNIT}"):
            return None
        line = line.removesuffix(f" {_PROBE_UNIT}")
    middle = key[len(head) : -len(tail)]
    return None if _PROBE_NUMBER in line or _PROBE_NUMBER in middle else _Form(line, middle + "|")
