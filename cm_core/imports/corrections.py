"""Files with mended rows: what a user may hand in for the rejected rows of an import, and how it is read.

Either the error report with its `raw_row` mended, or a list with the columns of the original file and a column
`row_number`. Each row says by its number which row it mends; nothing is told by order. What becomes of mended rows is
`restaging`; where the file is kept, `replay`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cm_core.errors import FileRejected, UsageError
from cm_core.imports.dialect import Dialect
from cm_core.imports.feed_catalog import Feed, Format
from cm_core.imports.formats.json_line import BadLine, LineReader
from cm_core.imports.reader import BadRow, Batch, read_record
from cm_core.imports.source import open_source
from cm_core.settings import Settings

#: The column that says which row is mended; the second name is for lists that have a column of the first themselves.
NUMBER, NUMBER_TOO = "row_number", "cm_row_number"
_SHOWN = 5
_SCHEMA = pa.schema(
    [("row_number", pa.int64())]
    + [(name, pa.string()) for name in ("raw", "error_type", "field_name", "field_value", "message", "text")]
)


@dataclass(frozen=True)
class Original:
    """What the import says of its own rows: their columns, the text of each rejected one, the values of the others.

    `dialect` is how its records are read, None where they are no delimited text. `staged` answers for a row number
    with the values that are in, None where there is no such row.
    """

    headers: tuple[str, ...]
    dialect: Dialect | None
    rows: int
    rejected: Mapping[int, str]
    staged: Mapping[int, Mapping[str, str | None]]
    max_field_chars: int


@dataclass(frozen=True)
class Mended:
    """A mended row: its values by column, or why it still cannot be read."""

    row_number: int
    values: Mapping[str, str | None] | None
    bad: BadRow | None = None


@dataclass(frozen=True)
class _Line:
    """A row of the corrected file: where it stands, which row it mends, what it says of it."""

    place: int
    row_number: int
    values: Mapping[str, str | None] | None
    text: str | None = None


def read_corrected(path: Path, name: str, original: Original, settings: Settings, folder: Path) -> list[Mended]:
    """The rejected rows of `original` that the file mends, by number; none if all it says is in already.

    `folder` takes what is unpacked. Raises UsageError, saying which row of the file and why, where it cannot be meant:
    no row numbers, numbers of rows that are in already with other values, two versions of a row, other columns.
    """
    found: dict[int, Mended] = {}
    said: dict[int, _Line] = {}
    elsewhere: list[int] = []
    for line in _lines(path, name, original, settings, folder):
        earlier = said.setdefault(line.row_number, line)
        if (earlier.values, earlier.text) != (line.values, line.text):
            raise UsageError(
                f"{name}: row {line.place} mends row {line.row_number} in another way than row {earlier.place}. "
                "Keep one of them."
            )
        if line.row_number in original.rejected:
            found[line.row_number] = _mended(line, name, original)
        elif not _is_in(line, name, original):
            elsewhere.append(line.row_number)
    if elsewhere:
        shown = ", ".join(map(str, elsewhere[:_SHOWN])) + (" ..." if len(elsewhere) > _SHOWN else "")
        raise UsageError(
            f"{name}: rows {shown} were not rejected, so there is nothing to mend in them. Take them out, or give a "
            "list with their new values to `cm ingest` as an import of its own."
        )
    if not said:
        raise UsageError(f"{name}: mends no row: nothing in it differs from the error report.")
    return [found[number] for number in sorted(found)]


def write_mended(rows: Iterable[Mended], path: Path) -> None:
    """Keep mended rows as the Parquet file `path`."""
    lines = []
    for row in rows:
        bad = row.bad
        lines.append(
            {
                "row_number": row.row_number,
                "raw": None if row.values is None else json.dumps(row.values, ensure_ascii=False),
                "error_type": bad and bad.error_type, "field_name": bad and bad.field_name,
                "field_value": bad and bad.field_value, "message": bad and bad.message, "text": bad and bad.raw,
            }
        )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(lines, schema=_SCHEMA), path, compression="zstd")


def read_mended(paths: Sequence[str]) -> dict[int, Mended]:
    """The mended rows of several such files, by number; of several versions of a row the last one counts."""
    found: dict[int, Mended] = {}
    for path in paths:
        for line in pq.read_table(path).to_pylist():
            number = line["row_number"]
            if line["raw"] is not None:
                found[number] = Mended(number, json.loads(line["raw"]))
            else:
                bad = BadRow(
                    number, line["error_type"], line["field_name"], line["field_value"], line["message"], line["text"]
                )
                found[number] = Mended(number, None, bad)
    return found


def overlay(batches: Iterable[Batch], mended: Mapping[int, Mended], headers: Sequence[str]) -> Iterator[Batch]:
    """The records of a file, mended rows in the place of the original ones."""
    numbers = pa.array(sorted(mended), pa.int64())
    for batch in batches:
        here = pc.is_in(batch.table["row_number"], numbers)
        hit = [*batch.table["row_number"].filter(here).to_pylist(), *(r.row_number for r in batch.bad)]
        rows = [mended[number] for number in hit if number in mended]
        if not rows:
            yield batch
            continue
        good = [{"row_number": row.row_number, **_cells(row.values, headers)} for row in rows if row.values is not None]
        kept = batch.table.filter(pc.invert(here))
        table = pa.concat_tables([kept, pa.Table.from_pylist(good, schema=batch.table.schema)]).sort_by("row_number")
        bad = [row for row in batch.bad if row.row_number not in mended] + [row.bad for row in rows if row.bad]
        yield Batch(table, tuple(sorted(bad, key=lambda row: row.row_number)))


def only_rows(batches: Iterable[Batch], numbers: Sequence[int]) -> Iterator[Batch]:
    """Those of the records that have one of the row numbers."""
    wanted, lookup = set(numbers), pa.array(sorted(numbers), pa.int64())
    for batch in batches:
        table = batch.table.filter(pc.is_in(batch.table["row_number"], lookup))
        bad = tuple(row for row in batch.bad if row.row_number in wanted)
        if table.num_rows or bad:
            yield Batch(table, bad)


def _cells(values: Mapping[str, str | None], headers: Sequence[str]) -> dict[str, str | None]:
    return {f"c{position}": values.get(header) or None for position, header in enumerate(headers)}


def _lines(path: Path, name: str, original: Original, settings: Settings, folder: Path) -> Iterator[_Line]:
    """The rows of the corrected file, whatever its form; those of an error report that were left as they are not."""
    feed = Feed(name="corrected", target="contacts", schema_version="", description="", format=Format(header=True))
    try:
        source = open_source(path, name, feed, settings, folder)
        headers = [header.strip() for header in source.headers]
        number = _number_column(headers, name, original)
        report = {"raw_row", "error_type"} <= set(headers)
        if not report:
            headers = _as_original(headers, number, original, is_text=source.form["format"] == "csv")
            _check_columns([header for header in headers if header != number], name, original)
        for place, cells in _rows(source.batches(), headers, name):
            if report and not cells["raw_row"]:
                continue
            row_number = _number(cells[number], place, name, original)
            if not report:
                yield _Line(place, row_number, {header: cells[header] for header in original.headers})
                continue
            text = str(cells["raw_row"])
            if text != original.rejected.get(row_number):
                yield _Line(place, row_number, None, text)
    except FileRejected as error:
        raise UsageError(f"{name}: {error}") from None


def _rows(batches: Iterable[Batch], headers: Sequence[str], name: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    for batch in batches:
        for bad in batch.bad:
            raise UsageError(f"{name}: row {bad.row_number} cannot be read: {bad.message}.")
        for row in batch.table.to_pylist():
            yield row["row_number"], {header: row[f"c{position}"] for position, header in enumerate(headers)}


def _number_column(headers: Sequence[str], name: str, original: Original) -> str:
    """The header of the column with the row numbers."""
    own = NUMBER in map(str.strip, original.headers)
    names = (NUMBER_TOO,) if own else (NUMBER_TOO, NUMBER)
    if found := next((wanted for wanted in names if wanted in headers), None):
        return found
    raise UsageError(
        f"{name}: has no column {NUMBER_TOO if own else NUMBER!r}, and the order of rows does not tell which row is "
        "mended. Add it with the row numbers of the error report, or give the file to `cm ingest` as a new import."
    )


def _as_original(headers: Sequence[str], number: str, original: Original, *, is_text: bool) -> list[str]:
    """The headers by the names that the original's columns have, as far as they are some of these.

    Blanks around a name do not tell columns apart. One without a name was called by its place, which the column
    `number` may have changed: its place beside the others tells which it is.
    """
    by_name = {header.strip(): header for header in reversed(original.headers)}
    numbers_at = headers.index(number)
    result = []
    for position, header in enumerate(headers):
        place = position - (position > numbers_at)
        there = original.headers[place] if place < len(original.headers) else ""
        if header == _unnamed(position, is_text) and there == _unnamed(place, original.dialect is not None):
            result.append(there)
        else:
            result.append(header if header in (number, *original.headers) else by_name.get(header, header))
    return result


def _unnamed(position: int, is_text: bool) -> str:
    """What a column without a name is called: `reader` counts from 0, tables from 1."""
    return f"column_{position if is_text else position + 1}"


def _check_columns(headers: Sequence[str], name: str, original: Original) -> None:
    missing = [header for header in original.headers if header not in headers]
    strange = [h for place, h in enumerate(headers) if h not in original.headers or h in headers[:place]]
    if missing or strange:
        parts = [
            f"{what} {', '.join(map(repr, found[:_SHOWN]))}"
            for what, found in (("lacks", missing), ("has besides", strange))
            if found
        ]
        raise UsageError(
            f"{name}: its columns must be those of the original file and {NUMBER}; it {' and '.join(parts)}. "
            "Or mend `raw_row` in the error report and give that."
        )


def _number(text: str | None, place: int, name: str, original: Original) -> int:
    number = int(text) if text and re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else 0
    if not 1 <= number <= original.rows:
        raise UsageError(
            f"{name}: row {place}: {text or ''!r} is no row number of the import, which has rows 1 to {original.rows}."
        )
    return number


def _mended(line: _Line, name: str, original: Original) -> Mended:
    """What a line says of its row, read as the import's own records are."""
    if line.values is not None:
        return Mended(line.row_number, line.values)
    assert line.text is not None
    if (values := _json_values(line.text, original.headers)) is not None:
        return Mended(line.row_number, values)
    if original.dialect is None:
        raise UsageError(
            f"{name}: row {line.place}: `raw_row` of row {line.row_number} must be a JSON object with the row's "
            f'values, such as {{"{original.headers[0]}": "..."}}: the import is no delimited text.'
        )
    read = read_record(line.text, original.dialect, original.headers, line.row_number, original.max_field_chars)
    if isinstance(read, BadRow):
        return Mended(line.row_number, None, read)
    return Mended(line.row_number, dict(zip(original.headers, read, strict=True)))


def _is_in(line: _Line, name: str, original: Original) -> bool:
    """Whether a line says of a row that is in what it said when it came in."""
    values = original.staged.get(line.row_number)
    mended = _mended(line, name, original).values
    if values is None or mended is None:
        return False
    return {key: value for key, value in values.items() if value} == {k: v for k, v in mended.items() if v}


def _json_values(text: str, headers: Sequence[str]) -> dict[str, str | None] | None:
    """The values of a row given as a JSON object of its columns, None where the text is something else.

    They are what they would be in a file of JSON lines.
    """
    reader = LineReader()
    try:
        if "\n" in text:  # between values, where it may be a space; in a string it is no JSON
            json.loads(text)
        values = reader.read(text.replace("\n", " "))
    except (BadLine, ValueError):
        return None
    found = dict(zip(reader.keys, values, strict=True))
    return {header: found.get(header) for header in headers} if set(found) <= set(headers) else None
