"""The lists that are scrubbed: a file of any form that imports read, or the people of a campaign.

Which columns are numbers, e-mail addresses or postal addresses is found as imports find it. Rows come in order, none is
left out: one that cannot be read comes with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from cm_core.compliance.contact_points import contacts_of_campaign, missing_parts
from cm_core.compliance.facts import Contact, Home, Kind
from cm_core.compliance.lookup import Asked
from cm_core.errors import UsageError
from cm_core.hygiene.addresses import standardize_addresses
from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.phones import standardize_phone
from cm_core.hygiene.places import parse_zip, state_code
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.mapping import Mapping, Use
from cm_core.imports.pipeline import open_file
from cm_core.imports.source import Source
from cm_core.imports.understanding import sample_of
from cm_core.settings import Settings

if TYPE_CHECKING:
    from pymysql.connections import Connection

KINDS: dict[str, Kind] = {"call": "phone", "sms": "phone", "email": "email", "mail": "address"}
_WORDS = {"phone": "phone numbers", "email": "e-mail addresses", "address": "postal addresses"}
_PARTS = ("line1", "line2", "city", "state", "zip", "zip4")
_LINE_TYPES = ("mobile", "landline", "voip", "fax")
#: Rows that are judged together: many, since each time the lists of their area codes are read.
ROWS = 100_000


class Cell(NamedTuple):
    """What stands where a contact point should be, and the contact points that it is; none for a blank one."""

    raw: str | None
    asked: tuple[Asked, ...]


class Row(NamedTuple):
    """One row of a list: its cells as they are, and those that are judged.

    `homes`: where its addresses lie. `malformed` says why it could not be read; then its text is the first cell.
    """

    number: int
    cells: tuple[str | None, ...]
    judged: tuple[Cell, ...]
    homes: tuple[Home, ...] = ()
    malformed: str | None = None


_BLANK = Cell(None, ())


@dataclass(frozen=True)
class ContactList:
    """A list: its headers, the columns that are judged (by header), and its rows in batches."""

    headers: tuple[str, ...]
    judged: tuple[str, ...]
    batches: Callable[[], Iterator[list[Row]]]


def read_file(settings: Settings, path: Path, channel: str, folder: Path) -> ContactList:
    """The list in a file; `folder` takes what is unpacked out of it.

    Raises FileRejected where there is no list in it, UsageError where it has no column for the channel.
    """
    file = open_file(path, path.name, load_feed("contacts"), settings, folder)
    kind = KINDS[channel]
    uses = _uses(file.mapping, kind) or _by_values(file.source, kind)
    if not uses:
        seen = ", ".join(repr(header[:40]) for header in file.source.headers[:12])
        raise UsageError(
            f"{path.name} has no column of {_WORDS[kind]} to scrub for {channel}. Columns found: {seen}. "
            "Rename a column, or name another channel."
        )
    reader = _Reader(file.source, file.mapping, kind, uses)
    judged = tuple(" ".join(use.headers) for use, *_ in uses)
    return ContactList(tuple(file.source.headers), judged, lambda: _gathered(reader.batches()))


def _gathered(batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """The same rows in larger batches."""
    rows: list[Row] = []
    for batch in batches:
        if rows and len(rows) + len(batch) > ROWS:
            yield rows
            rows = []
        rows = rows + batch if rows else batch
    if rows:
        yield rows


def read_campaign(connection: Connection[Any], campaign_id: int, channel: str) -> ContactList:
    """Everybody whom a campaign has touched, each contact point for the channel that they have in a row of its own."""
    kind = KINDS[channel]

    def batches() -> Iterator[list[Row]]:
        found = contacts_of_campaign(connection, campaign_id, kind)
        for begin in range(0, len(found), ROWS):
            part = enumerate(found[begin : begin + ROWS], start=begin + 1)
            yield [
                Row(number, (_text(entity), _text(person), shown), (Cell(shown, (asked,)),))
                for number, (entity, person, shown, asked) in part
            ]

    return ContactList(("entity_id", "person_id", "contact"), ("contact",), batches)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


#: A column that is judged: how it is used, and for addresses its parts.
_Judged = tuple[Use, dict[str, Use]]


def _uses(mapping: Mapping, kind: Kind) -> list[_Judged]:
    if kind != "address":
        return [(use, {}) for use in mapping.all(kind)]
    found = []
    for slot in mapping.address_slots():
        parts = {part: use for part in _PARTS if (use := mapping.one(f"{slot}.{part}"))}
        if first := parts.get("line1"):
            found.append((first, parts))
    return found


def _by_values(source: Source, kind: Kind) -> list[_Judged]:
    """The first column of which most values are what is looked for: short lists of bare numbers tell no more."""
    if kind == "address":
        return []
    read = _phones if kind == "phone" else _emails
    for position, column in enumerate(sample_of(source.batches(), len(source.headers))):
        found = [any(not one.contact.invalid_reason for one in read(text, None)) for text in column.values]
        if found and sum(found) >= len(found) / 2:
            return [(Use(kind, (position,), (source.headers[position],), "content"), {})]
    return []


class _Reader:
    """Turns records into rows; what a cell is is worked out once for each of its texts in a batch."""

    def __init__(self, source: Source, mapping: Mapping, kind: Kind, uses: Sequence[_Judged]) -> None:
        self._source, self._kind, self._uses = source, kind, uses
        slots = (
            {part: use for part in _PARTS if (use := mapping.one(f"{slot}.{part}"))} for slot in mapping.address_slots()
        )
        self._slots = [parts for parts in slots if parts.keys() & {"line1", "state", "zip"}]
        self._width = len(source.headers)

    def batches(self) -> Iterator[list[Row]]:
        for batch in self._source.batches():
            bad = sorted((self._bad(row.row_number, row.raw, row.message) for row in batch.bad), key=_number)
            for begin in range(0, batch.table.num_rows, ROWS):
                good = self._good(batch.table.slice(begin, ROWS))
                between = [row for row in bad if row.number < good[-1].number]
                bad = bad[len(between) :]
                yield sorted(good + between, key=_number) if between else good
            if bad:
                yield bad

    def _bad(self, number: int, raw: str, message: str) -> Row:
        cells = (raw, *[None] * (self._width - 1))
        return Row(number, cells, (Cell(raw, ()), *[_BLANK] * (len(self._uses) - 1)), malformed=message)

    def _good(self, table: pa.Table) -> list[Row]:
        numbers, *columns = (column.to_pylist() for column in table.columns)
        judged = [self._cells(use, parts, columns) for use, parts in self._uses]
        homes = self._places(columns)
        rows = zip(numbers, zip(*columns, strict=True), zip(*judged, strict=True), homes, strict=True)
        return [Row(*row) for row in rows]

    def _cells(self, use: Use, parts: dict[str, Use], columns: list[list[str | None]]) -> list[Cell]:
        if self._kind == "address":
            return _addresses(parts, columns)
        known: dict[str | None, Cell] = {None: _BLANK}
        line_type = use.label if use.label in _LINE_TYPES else None
        column = columns[use.columns[0]]
        for text in {text for text in column if text is not None}:
            known[text] = Cell(text, (_phones if self._kind == "phone" else _emails)(text, line_type))
        return [known[text] for text in column]

    def _places(self, columns: list[list[str | None]]) -> list[tuple[Home, ...]]:
        """Where the addresses of each row lie, which is where whoever has its number may be."""
        if not self._slots or self._kind == "address":
            return [()] * len(columns[0])
        homes = [_homes(parts, columns) for parts in self._slots]
        return [tuple(home for home in found if home is not None) for found in zip(*homes, strict=True)]


def _number(row: Row) -> int:
    return row.number


def _homes(parts: dict[str, Use], columns: list[list[str | None]]) -> list[Home | None]:
    if not parts.keys() & {"state", "zip"}:  # in the street's column, if anywhere
        found = [cell.asked[0].home if cell.asked else None for cell in _addresses(parts, columns)]
        return [home if home and any(home) else None for home in found]
    nothing: list[str | None] = [None] * len(columns[0])
    states, zips = (columns[parts[part].columns[0]] if part in parts else nothing for part in ("state", "zip"))
    known: dict[tuple[str | None, str | None], Home | None] = {}
    found = []
    for place in zip(states, zips, strict=True):
        if place not in known:
            known[place] = _home(*place)
        found.append(known[place])
    return found


def _home(state: str | None, zip_text: str | None) -> Home | None:
    code = state_code(state.strip()) if state else None
    zip5 = parse_zip(zip_text.strip(), code).zip5 if zip_text else None
    return Home(code, zip5) if code or zip5 else None


def _phones(text: str, line_type: str | None) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            Contact("phone", phone.e164, extension=phone.extension, line_type=line_type)
            if phone.e164
            else Contact("phone", phone.raw or text, invalid_reason=phone.invalid_reason)
        )
        for phone in standardize_phone(text)
    )


def _emails(text: str, _: str | None) -> tuple[Asked, ...]:
    return tuple(
        Asked(Contact("email", found.key or text, invalid_reason=None if found.email else found.invalid_reason))
        for found in standardize_email(text)
    )


def _addresses(parts: dict[str, Use], columns: list[list[str | None]]) -> list[Cell]:
    nothing: list[str | None] = [None] * len(columns[0])
    cells = [columns[parts[part].columns[0]] if part in parts else nothing for part in _PARTS]
    rows = list(zip(*cells, strict=True))
    distinct = {values: number for number, values in enumerate(dict.fromkeys(rows))}
    table = pa.table(
        {
            "address_id": pa.array(range(len(distinct)), pa.int64()),
            **{part: pa.array([values[i] for values in distinct], pa.string()) for i, part in enumerate(_PARTS)},
        }
    )
    found = {row["address_id"]: row for row in standardize_addresses(table).to_pylist()}
    known = {values: _address(values, found.get(number)) for values, number in distinct.items()}
    return [known[values] for values in rows]


def _address(values: tuple[str | None, ...], found: dict[str, Any] | None) -> Cell:
    raw = ", ".join(filter(None, values))
    if found is None:
        return Cell(raw or None, ())
    place = found["state"], found["zip"]
    missing = missing_parts(found["street"], found["city"], *place)
    contact = Contact("address", found["address_key"] or raw, found["invalid_reason"], missing=missing)
    return Cell(raw, (Asked(contact, Home(*place)),))
