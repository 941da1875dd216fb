"""Postal addresses to USPS Publication 28 form, by the doorplate parser, with a key that is equal for equal places.

Given whole or in parts. Whether mail can be delivered there is not known here, and nothing is completed from
other fields except the county of a ZIP and a zero that a spreadsheet took from one. Spellings of states and the
ZIP table are in `places`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import doorplate
import pyarrow as pa

from cm_core.hygiene.last_lines import is_street, part, with_city
from cm_core.hygiene.places import parse_zip, state_code, without_excel_text, zip_places
from cm_core.hygiene.second_reading import is_doubtful, read_again
from cm_core.hygiene.street_readings import Cells, Reading, read_apart, standard
from cm_core.hygiene.streets import Ordinary, ordinary_streets
from cm_core.hygiene.text import is_blank, placeholders, squeeze, text_column

AddressReason = Literal[
    "too_long",  # the value does not fit the database column
    "state_unknown",  # the state is given but is none: kept as it was
    "zip_invalid",  # the ZIP is given but is none: kept as it was
    "placeholder",  # "no address", "return to sender": data/placeholders.csv
    "no_street",  # only a place
    "unparsed",  # the street is kept as it was given, in upper case
]

ADDRESS_MAX = 500
STREET_MAX = 255
CARE_OF_MAX = 255
CITY_MAX = 100
STATE_MAX = 64
ZIP_MAX = 16
KEY_MAX = 255
_LIMITS = (
    ("care_of", CARE_OF_MAX), ("street", STREET_MAX), ("city", CITY_MAX), ("state", STATE_MAX), ("zip", ZIP_MAX)
)  # fmt: skip
ADDRESS_SCHEMA = pa.schema(
    [
        pa.field("address_id", pa.int64()),
        *(
            pa.field(name, pa.string())
            for name in (
                "address_raw",
                "care_of",
                "street",
                "city",
                "state",
                "zip",
                "zip4",
                "county",
                "address_key",
                "invalid_reason",
            )
        ),
    ]
)
_CHUNK = 500  # rows parsed at a time: with 20,000 the garbage collector takes a third of the time

_CARE_OF_ONLY = re.compile(r"^(?:C/O|C / O|CARE OF|%|ATTN[:.]?|ATTENTION[:.]?)\s*(?=\S)(.+)$", re.IGNORECASE)
_COUNTRY = re.compile(r"[\s,]+(?:U\.?S\.?A\.?|UNITED STATES(?: OF AMERICA)?)\.?$", re.IGNORECASE)
_LAST_LINE = re.compile(r"(.*?)[\s,]+([A-Za-z][A-Za-z. ]*?)\.?(?:[\s,]+(\d{5}(?:[\s-]?\d{4})?))?", re.ASCII)
_CITY_NOISE = re.compile(r"[^\w\s'/&-]+")
_KEY_NOISE = re.compile(r"[\W_]+")
_DRAWER = re.compile(r"^P\.? ?O\.? ?(?:DRAWER|DWR)\b\.?", re.IGNORECASE)
_FINAL_CODE = re.compile(r",\s*([A-Za-z]{2})$")
_BOX = re.compile(r"\bP\.?O\.?B\b\.?(?= ?#? ?\d)", re.IGNORECASE)
_PRIVATE_ROAD = re.compile(r"(?:(?<=\d )|^)PR ?(?=\d)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_HYPHENED_ROUTE = re.compile(r"^(HC|RR)-?(\d+)\b", re.IGNORECASE)


class Address(NamedTuple):
    """One address. `zip` is the ZIP5; `street` is the delivery line; all upper case except `raw`."""

    raw: str | None
    care_of: str | None
    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    zip4: str | None
    county: str | None
    address_key: str | None
    invalid_reason: AddressReason | None


class _Given(NamedTuple):
    """The cells of one address, cleaned; a blank cell is None. `whole`: city, state and ZIP are inside line1."""

    raw: str
    line1: str | None
    line2: str | None
    city: str | None
    state: str | None
    zip: str | None
    zip4: str | None
    care_of: str | None
    whole: bool


def standardize_address(
    line1: str | None,
    line2: str | None = None,
    city: str | None = None,
    state: str | None = None,
    zip: str | None = None,
    zip4: str | None = None,
) -> Address | None:
    """One address in USPS Pub 28 form; None when every cell is blank. Never raises.

    A whole address may stand in `line1` with the rest None. State names become codes; an unknown state, a bad ZIP
    and an unparsed street stay as given, in upper case, with `invalid_reason`. `address_key` comes from the parsed
    parts (so that suffix and directional spellings, case and the unit's designator do not matter) and the ZIP5,
    or city and state where there is no ZIP; from the squeezed text where the street does not parse.
    """
    return _standardize([(line1, line2, city, state, zip, zip4)])[0]


def standardize_addresses(table: pa.Table) -> pa.Table:
    """`standardize_address` over rows of address_id (bigint), line1, line2, city, state, zip, zip4 (nullable text).

    Returns address_id, address_raw, care_of, street, city, state, zip (ZIP5), zip4, county, address_key,
    invalid_reason; one row for each input row that has any value.
    """
    columns: list[list[object]] = [[] for _ in ADDRESS_SCHEMA]
    for start in range(0, table.num_rows, _CHUNK):
        part = table.slice(start, _CHUNK)
        cells = [text_column(part[name]) for name in ("line1", "line2", "city", "state", "zip", "zip4")]
        ids = part["address_id"].to_pylist()
        addresses = _standardize(list(zip(*cells, strict=True)))
        rows = [(key, *address) for key, address in zip(ids, addresses, strict=True) if address is not None]
        for column, values in zip(columns, zip(*rows, strict=True), strict=False):
            column.extend(values)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, ADDRESS_SCHEMA, strict=True)],
        schema=ADDRESS_SCHEMA,
    )


def _standardize(rows: Sequence[Sequence[str | None]]) -> list[Address | None]:
    given = [_read(row) for row in rows]
    whole = {i: cells for i, cells in enumerate(given) if cells and cells.whole}
    for i, cells in whole.items():
        given[i] = _parted(cells)
    ordinary = ordinary_streets(
        [cells.line1 if cells and not (cells.line2 or cells.whole) else None for cells in given]
    )
    readings = [Reading(None)] * len(rows)
    unparted = {i: cells for i, cells in enumerate(given) if cells and cells.whole}
    results = doorplate.parse_fields_many(
        line1=[cells.line1 for cells in unparted.values()],
        line2=[cells.line2 for cells in unparted.values()],
        state=[cells.state for cells in unparted.values()],
        zip=[cells.zip for cells in unparted.values()],
    )
    for (i, cells), result in zip(unparted.items(), results, strict=True):
        readings[i] = Reading(result)
        if result is not None and not (result.city or result.zip5 or cells.state or _ends_in_code(cells.line1)):
            # nothing but a street: 333 N MICHIGAN is not 333 N in Michigan
            given[i] = cells._replace(whole=False)
    apart = [
        (i, cells) for i, cells in enumerate(given)
        if cells and cells.line1 and not cells.whole and ordinary[i] is None
    ]  # fmt: skip
    for (i, _), reading in zip(apart, read_apart([_cells_of(cells) for _, cells in apart]), strict=True):
        readings[i] = reading
    answers = [
        _finish(cells, reading, short) if cells else None
        for cells, reading, short in zip(given, readings, ordinary, strict=True)
    ]
    for i, cells in whole.items():
        first = answers[i]
        if first is None or ordinary[i] is not None:
            continue
        parsed = readings[i].parsed
        is_sure = i not in unparted and parsed is not None and parsed.street_suffix is not None
        doubtful = not is_sure and is_doubtful(cells.line1 or "", parsed)
        if doubtful or first.invalid_reason == "unparsed":
            second = _second(cells)
            if second and second.invalid_reason in (None, first.invalid_reason):
                answers[i] = second
    return answers


def _cells_of(given: _Given) -> Cells:
    line1 = given.line1
    if line1 and given.state and state_code(given.state) not in (None, "PR"):
        line1 = _PRIVATE_ROAD.sub("PRIVATE ROAD ", line1)  # PR 455 is a highway in Puerto Rico alone
    return Cells(line1, given.line2, given.city)


#: A state at the end of an address in one line: before a ZIP, or behind a comma (or a direction: NE).
_OWN_STATE = re.compile(r"(?:[\s,](?=[A-Za-z]{2}\.?[\s,]+\d)|,\s*)([A-Za-z]{2})\.?(?:[\s,]+\d{5}(?:-?\d{4})?)?$")


def _parted(given: _Given) -> _Given:
    """A whole address with its place in cells of its own, where that can be told."""
    line = given.line1 or ""
    if is_street(line):
        return given._replace(whole=False)
    place = part(line, given.state, given.zip)
    if place is None and not (given.state or given.zip):
        place = with_city(line)
    if place is None:
        return given
    return given._replace(line1=place.line, city=place.city, state=place.state, zip=place.zip, whole=False)


def _second(given: _Given) -> Address | None:
    """A whole address as the second reading takes it apart; None where its street does not parse either."""
    line = given.line1 if given.line2 is None else f"{given.line1}, {given.line2}"
    reading = read_again(line or "")
    if reading is None:
        return None
    cells = given._replace(
        line1=reading.line1,
        line2=reading.line2,
        city=reading.city,
        state=given.state or reading.state,
        zip=given.zip or reading.zip,
        care_of=given.care_of or reading.care_of,
        whole=False,
    )
    answer = _finish(cells, read_apart([_cells_of(cells)])[0], None)
    return None if (answer.address_key or "?").startswith("?") else answer


def _ends_in_code(line: str | None) -> bool:
    """True for 12 Elm St, OK: a comma and a two-letter state code at the end."""
    code = _FINAL_CODE.search(line or "")
    return bool(code and state_code(code[1]))


def _cell(text: str | None) -> str | None:
    if not text:
        return None
    if text.isascii() and text.isprintable() and "  " not in text:
        plain = text.strip(" ,")
    else:
        plain = squeeze(text[: 4 * ADDRESS_MAX]).strip(" ,")
    return None if not plain or (len(plain) < 16 and is_blank(plain)) else plain


_place_cell = lru_cache(maxsize=65_536)(_cell)  # cities, states and ZIPs repeat


def _read(row: Sequence[str | None]) -> _Given | None:
    line1, line2 = _cell(row[0]), _cell(row[1]) if row[1] else None
    city, state = _place_cell(row[2]), _place_cell(row[3])
    zip_, zip4 = (_place_cell(without_excel_text(cell.strip()) if cell else cell) for cell in row[4:6])
    raw = ", ".join(filter(None, (line1, line2, city, state)))
    if zip_ or zip4:
        zip_text = f"{zip_}-{zip4}" if zip_ and zip4 else zip_ or zip4
        raw = f"{raw} {zip_text}" if state else f"{raw}, {zip_text}" if raw else f"{zip_text}"
    if not raw:
        return None
    if len(raw) > ADDRESS_MAX:  # before anything looks into it: some of what follows takes the square of its length
        return _Given(raw, None, None, None, None, None, None, None, False)
    care_of = None
    if line2 and line1 is None:
        line1, line2 = line2, None
    if line1:
        if line2:
            # a line that is nothing but c/o NAME; otherwise doorplate separates it
            only = _CARE_OF_ONLY.match(line1)
            if only and not any(c.isdigit() for c in only[1]):
                care_of, line1, line2 = only[1], line2, None
            elif not city:
                line1, line2 = f"{line1}, {line2}", None
        if line1[0] in "PpHhRr":
            line1 = _HYPHENED_ROUTE.sub(r"\1 \2", _DRAWER.sub("PO BOX", line1))
        if not city:
            line1 = _BOX.sub("PO BOX", _COUNTRY.sub("", line1))
            if state and (end := _OWN_STATE.search(line1)) and (code := state_code(end[1])):
                has_zip = end[0][-1].isdigit()
                state = None if has_zip or code == state_code(state) else state  # the line has its own
    if city and (not state or "," in city or city[-1].isdigit()):
        city, state, zip_ = _of_last_line(city, state, zip_)
    return _Given(raw, line1, line2, city, state, zip_, zip4, care_of, line1 is not None and not city)


def _of_last_line(city: str, state: str | None, zip_: str | None) -> tuple[str, str | None, str | None]:
    """City, state and ZIP of a city cell that is a last line (Tulsa, OK 74103); as given where other cells differ."""
    last = _LAST_LINE.fullmatch(_COUNTRY.sub("", city))
    code = state_code(last[2]) if last and last[1] else None
    if (
        last is None
        or code is None
        or (state and state_code(state) != code)
        or (last[3] and zip_ and last[3][:5] != zip_[:5])
    ):
        return city, state, zip_
    return last[1], state or last[2], zip_ or last[3]


@lru_cache(maxsize=65_536)
def _city_state(city: str | None, state: str | None) -> tuple[str | None, str | None, bool]:
    """City in upper case without punctuation, state code (or the state as given), and whether the state is one."""
    city = " ".join(_CITY_NOISE.sub(" ", city.upper()).split()) if city else None
    code = state_code(state) if state else None
    return city or None, code or (state.upper() if state else None), code is not None


def _finish(given: _Given, reading: Reading, ordinary: Ordinary | None) -> Address:
    parsed = reading.parsed
    raw, line1, line2, city, state, zip_text, given_zip4, _, whole = given
    if len(raw) > ADDRESS_MAX:
        return Address(None, None, None, None, None, None, None, None, None, "too_long")
    reason: AddressReason | None = None
    if whole and parsed is not None:
        city, state = parsed.city, state or parsed.state
        if not zip_text and parsed.zip5:
            zip_text = f"{parsed.zip5}-{parsed.zip4}" if parsed.zip4 else parsed.zip5
    city, state, known = _city_state(city, state)
    zip5: str | None = None
    zip4: str | None = None
    county: str | None = None
    if zip_text:
        zip5, zip4 = parse_zip(zip_text, state)
        if zip5 is None:
            zip5, reason = zip_text.upper(), "zip_invalid"
        else:
            county = zip_places().get(zip5, (None, None))[1]
            if given_zip4 and zip4 is None:
                zip4 = parse_zip(f"{zip5}-{given_zip4.removesuffix('.0').zfill(4)}", state).zip4
    if state and not known:
        reason = "state_unknown"
    place = zip5 or f"{city or ''}|{state or ''}"
    care_of: str | None
    street: str | None
    key: str | None
    if ordinary is not None:
        care_of, street = given.care_of and given.care_of.upper(), ordinary.street
        key = f"{ordinary.key_head}{place}{ordinary.key_tail}"
    else:
        care_of, street, key = standard(reading, line1, city, place)
        care_of = care_of or (given.care_of.upper() if given.care_of else None)
        if whole and city and _DIGIT.search(city):  # no US city has a digit: the parser lost its way
            city, key = None, None
    if key is None:
        text = " ".join(filter(None, (line1, line2))).upper()
        street = text or None
        key = f"?|{_KEY_NOISE.sub(' ', text).strip()}|{place}"
        if reason is None:
            reason = "unparsed" if text else "no_street"
    if street and street.lower() in placeholders()["address"]:
        reason = "placeholder"
    if len(key) > KEY_MAX:
        key = "#|" + hashlib.sha256(key.encode()).hexdigest()
    address = Address(raw, care_of, street, city, state, zip5, zip4, county, key, reason)
    return address if len(raw) <= STATE_MAX and len(zip5 or "") <= ZIP_MAX else _fitted(address)


def _fitted(address: Address) -> Address:
    """The address without the values that do not fit their columns, marked too_long if there are any."""
    values = address._asdict()
    long = {name: None for name, limit in _LIMITS if len(values[name] or "") > limit}
    return address._replace(**long, invalid_reason="too_long") if long else address
