"""A second reading of whole addresses that doorplate is in doubt about, by the statistical tagger usaddress.

doorplate finds the city by commas and ZIPs; the tagger by what words usually are. Only what comes apart into a street
or a box is taken, and each part then goes through doorplate again: the standard form is always doorplate's.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import doorplate

from cm_core.hygiene.streets import suffix_forms

_STREET = frozenset(
    (
        "AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix", "StreetNamePreModifier",
        "StreetNamePreDirectional", "StreetNamePreType", "StreetName", "StreetNamePostType", "StreetNamePostModifier",
        "StreetNamePostDirectional",
    )
)  # fmt: skip
_UNIT_TYPES = {"OccupancyIdentifier": "OccupancyType", "SubaddressIdentifier": "SubaddressType"}
_NUMBER = re.compile(r"\d+")
_ROUTE = re.compile(r"(HC|RR)[\s.-]*(\d+)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_BOX = re.compile(r"P(?:OST)?[\s.]*O(?:FFICE)?[\s.]*(?:BOX|B)?\b\.?", re.IGNORECASE)
_READ_MAX = 300  # characters; the tagger's time grows with the text


class Reading(NamedTuple):
    """A whole address in cells; a part that is not there is None."""

    line1: str
    line2: str | None
    city: str | None
    state: str | None
    zip: str | None
    care_of: str | None


def is_doubtful(text: str, parsed: doorplate.ParsedAddress | None) -> bool:
    """Whether doorplate's answer to a whole address is to be asked again.

    Words were left over; there is a number, but none of the street, nor a box; or the name of the street goes on after
    a street suffix (WESTERN AVE PARK in FOREST), which is how a city looks that stood there without a comma.
    """
    if parsed is None or parsed.unparsed or not parsed.key(unit=True):
        return True
    if parsed.po_box or parsed.rural_route:
        return False
    if not parsed.street_number:
        return bool(_DIGIT.search(text))
    inner = (parsed.street_name or "").upper().split()[1:]
    return any(form is not None for form in suffix_forms(inner).values())


def read_again(text: str) -> Reading | None:
    """The cells that the tagger sees in `text`; None where it sees no street and no box, or two of them."""
    if len(text) > _READ_MAX:
        return None
    usaddress = _tagger()
    try:
        tags, kind = usaddress.tag(text)
    except usaddress.RepeatedLabelError:
        return None
    street = " ".join(value for label, value in tags.items() if label in _STREET)
    is_whole = "AddressNumber" in tags and ("StreetName" in tags or "StreetNamePreType" in tags)
    if kind not in ("Street Address", "PO Box") or bool(street) != is_whole:
        return None
    box = _box(tags)
    if not street and not box:
        return None
    unit = " ".join(_unit(tags)) or None
    zip_ = tags.get("ZipCode", "").strip(" .") or None
    if zip_ and "ZipPlus4" in tags:
        zip_ = f"{zip_}-{tags['ZipPlus4']}"
    state = tags.get("StateName", "").rpartition(",")[2].strip() or None  # Georgia, GA
    line1 = " ".join(filter(None, (street, box)))
    if not set(_NUMBER.findall(text)) <= set(_NUMBER.findall(" ".join(filter(None, (line1, unit, zip_))))):
        return None  # a number would be lost
    return Reading(line1, unit, tags.get("PlaceName"), state, zip_, tags.get("Recipient"))


@cache
def _tagger() -> ModuleType:
    return import_module("usaddress")  # reads its model when it is imported


def _box(tags: dict[str, str]) -> str | None:
    if "USPSBoxID" not in tags:
        return None
    if "USPSBoxGroupID" in tags:
        group = _ROUTE.sub(r"\1 \2", f"{tags.get('USPSBoxGroupType', '')} {tags['USPSBoxGroupID']}".strip())
        return f"{group} BOX {tags['USPSBoxID']}"
    if not _BOX.match(tags.get("USPSBoxType", "")):
        return None
    return f"PO BOX {tags['USPSBoxID'].lstrip('# ')}"


def _unit(tags: dict[str, str]) -> list[str]:
    """The unit in the order of the text, building first; a number alone gets the sign for one."""
    words = []
    for types in (("SubaddressType", "SubaddressIdentifier"), ("OccupancyType", "OccupancyIdentifier")):
        for label, value in tags.items():
            if label in types:
                alone = label in _UNIT_TYPES and _UNIT_TYPES[label] not in tags and not value.startswith("#")
                words.append(f"# {value}" if alone else value)
    return words
