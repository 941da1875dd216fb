"""States and ZIP codes: spellings of states, the county of a ZIP, the ZIP that a spreadsheet took a zero from.

Streets are not here. The ZIP table (42,789 ZIPs) is that of the `zipcodes` package (`scripts/zip_table.py`).
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from cm_core.hygiene.text import data_text


class Zip(NamedTuple):
    """A ZIP code as found in a cell; `zip5` None means that it is not one."""

    zip5: str | None
    zip4: str | None


_NOT_LETTER = re.compile(r"[^A-Z]+")


@cache
def states() -> Mapping[str, str]:
    """Every spelling of `data/states.csv` (letters and single spaces, upper case) and its two-letter code."""
    lines = [line for line in data_text("states.csv").splitlines() if not line.startswith("#")]
    spellings: dict[str, str] = {}
    for row in csv.DictReader(lines):
        for spelling in (row["code"], row["name"], *(row["other"] or "").split(";")):
            if spelling:
                spellings[spelling] = row["code"]
    return spellings


@lru_cache(maxsize=4096)
def state_code(text: str) -> str | None:
    """The two-letter code (USPS Pub 28, Appendix B) of a state given by code, name or old abbreviation."""
    known = states()
    upper = text.upper()
    return known.get(upper) or known.get(_NOT_LETTER.sub(" ", upper).strip()) or known.get(_NOT_LETTER.sub("", upper))


@cache
def zip_places() -> Mapping[str, tuple[str, str | None]]:
    """ZIP5 -> (state, county in upper case without the word COUNTY or PARISH, or None)."""
    return {zip5: (state, county or None) for zip5, state, county, _ in _zip_rows()}


@cache
def counties() -> frozenset[str]:
    """The names of all counties, in upper case without the word COUNTY or PARISH."""
    return frozenset(county for _, county in zip_places().values() if county)


_ZIP = re.compile(r"(\d{5})(?:[-\s.+]*(\d{4}))?(?:[-\s]|\.0+)?", re.ASCII)
#: A number that a spreadsheet is to take for text: ="02134", '02134.
_EXCEL_TEXT = re.compile(r"""="([^"]*)"|'(.*)""", re.DOTALL)
_ZIP_SHORT = re.compile(r"(\d{3,4})(?:-(\d{4}))?(?:\.0+)?|(\d{3,4})(\d{4})(?:\.0+)?", re.ASCII)


def without_excel_text(text: str) -> str:
    """`="02134"` and `'02134`, as spreadsheets write numbers that are text, without the signs around them."""
    found = _EXCEL_TEXT.fullmatch(text) if text.startswith(("=", "'")) else None
    return (found[1] or found[2] or "").strip() if found else text


def parse_zip(text: str, state: str | None) -> Zip:
    """ZIP5 and ZIP+4 from `74103`, `74103-1234`, `741031234`, `74103.0`, `="74103"`.

    Zeros that a spreadsheet took from the front (`2139`, `2139-1234`, `21391234`) are put back only when the ZIP
    so made exists and lies in `state`. 00000 is no ZIP; +4 of 0000 is none.
    """
    text = without_excel_text(text)
    full = _ZIP.fullmatch(text)
    if full:
        zip5, zip4 = full.groups()
    else:
        short = _ZIP_SHORT.fullmatch(text)
        if not short:
            return Zip(None, None)
        zip5, zip4 = (short[1] or short[3]).zfill(5), short[2] or short[4]
        if state is None or zip_places().get(zip5, (None,))[0] != state:
            return Zip(None, None)
    if zip5 == "00000":
        return Zip(None, None)
    return Zip(zip5, zip4 if zip4 != "0000" else None)


@cache
def zip_cities() -> Mapping[str, frozenset[str]]:
    """ZIP5 -> the city names that the postal service knows for it, in upper case; those it would rather not see too."""
    known: dict[str, frozenset[str]] = {}
    for _, _, _, cities in _zip_rows():
        if cities not in known:
            known[cities] = frozenset(cities.split("|"))
    return {zip5: known[cities] for zip5, _, _, cities in _zip_rows()}


@cache
def _zip_rows() -> list[list[str]]:
    """ZIP5, state, county, cities between bars. The same text is one object, of which there are many."""
    return [[*map(sys.intern, row)] for row in csv.reader(data_text("zips.csv").splitlines()[1:])]
