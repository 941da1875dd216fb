"""Records of a delimited text file as Arrow batches, in constant memory, each record accounted for.

A record is either good (as wide as the header) or a `BadRow` with its reason and raw text. Nothing is guessed:
a record of the wrong width is never padded or cut. Well-formed stretches of the file are parsed by `plain_csv`, the
others record by record here. What the columns mean is in `mapping` and `staging`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from cm_core.errors import FileRejected
from cm_core.imports import plain_csv
from cm_core.imports.content import Column, goes_on, unlike_headers
from cm_core.imports.dialect import Dialect, first_byte
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.header_rows import LOOKED_AT, find_header
from cm_core.imports.mapping import known_headers
from cm_core.imports.number_columns import number_columns

if TYPE_CHECKING:
    import _csv

#: Records per Arrow batch where they are read one by one.
BATCH_ROWS = 20_000
#: Bytes of a stretch that is parsed at once, at most; around a bad record stretches get shorter, down to the least.
STRETCH_BYTES = 4 << 20
LEAST_STRETCH_BYTES = 16 << 10
#: A quoted field that runs over more physical lines than this is taken for a quote that was never closed.
_MAX_LINES_PER_RECORD = 500
#: So is one of more characters, since lines may be long.
_MAX_CHARS_PER_RECORD = 16 << 20
#: Characters of a batch of records that are read one by one, at most and in about.
_BATCH_CHARS = 16 << 20
_MAX_COLUMNS = 4_000
#: Records that tell whether the first one is another of them.
_FOLLOWING, _FOLLOWING_CHARS = 200, 4 << 20


@dataclass(frozen=True)
class BadRow:
    """A record that cannot be staged: its number (1 is the first record after the header), why, and its raw text."""

    row_number: int
    error_type: str
    field_name: str | None
    field_value: str | None
    message: str
    raw: str


@dataclass(frozen=True)
class Batch:
    """Good records as text columns `row_number, c0, c1, …` and the bad ones met on the way."""

    table: pa.Table
    bad: tuple[BadRow, ...]

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return int(self.table.nbytes) + sum(len(row.raw) for row in self.bad)


@dataclass(frozen=True)
class Layout:
    """Headers of the file and whether it has a header record.

    `written` are the headers as they stand there, where some repeat; `above` the records above the header.
    """

    headers: tuple[str, ...]
    has_header: bool
    written: tuple[str, ...] = ()
    above: tuple[tuple[str, ...], ...] = ()


def read_layout(path: Path, dialect: Dialect, feed: Feed) -> Layout:
    """The file's headers: its first record, one below a title, or what the feed declares for headerless files.

    A first record with values that no header is (a phone, an e-mail address), or that is no other than those after it,
    is data. Its columns are `column_0`, `column_1` and so on: what they are, their content has to tell.

    Raises FileRejected when the first record cannot be read or no layout fits its width.
    """
    try:
        with closing(_Records(path, dialect, first_byte(path, dialect))) as records:
            read = list(islice(records, LOOKED_AT if feed.format.header is not False else 1))
    except csv.Error as error:
        raise FileRejected(f"The first record cannot be read: {error}.") from None
    if not read:
        raise FileRejected("The file has no records.")
    fields, raw = read[0]
    if fields is None:
        raise FileRejected(f"The first record cannot be read: {raw[:80]!r}.")
    first = [record or [text] for record, text in read]
    if place := find_header(first, feed):
        return _headed(first[place], first[:place])
    known = known_headers(fields, feed)
    is_data = unlike_headers(fields) > known or (known == 0 and _goes_on(path, dialect, fields))
    has_header = (feed.format.header is True and not is_data) or (feed.format.header == "auto" and known > 0)
    if has_header:
        return _headed(fields, [])
    names = feed.columns or feed.layouts.get(len(fields), () if is_data else None)
    if not names and feed.target == "dnc_registry":
        return _numbers_layout(path, dialect, feed, raw)
    if names is None:
        raise FileRejected(
            f"The file has no header that feed {feed.name!r} knows, and the feed declares no layout of "
            f"{len(fields)} columns. First record: {raw.strip()[:80]!r}."
        )
    if len(names) > len(fields):
        raise FileRejected(
            f"Feed {feed.name!r} declares {len(names)} columns, but the first record has {len(fields)}. "
            "Is this the right feed and delimiter?"
        )
    rest = [f"column_{position}" for position in range(len(names), len(fields))]
    return Layout(_unique([*names, *rest]), False)


def is_one_column(path: Path, dialect: Dialect, layout: Layout, feed: Feed) -> bool:
    """Whether the delimiter belongs to the values of the only column: `Owner`, and `Smith, John` beneath it.

    Its header is one that the feed knows, and the values are two or three words between commas, without a digit.
    """
    if dialect.delimiter != "," or not layout.has_header or known_headers(layout.headers, feed) != 1:
        return False
    records = list(islice(_first_records(path, dialect), 1, None))
    return (
        len(layout.headers) == 1
        and any(len(fields) > 1 for fields in records)
        and all(len(fields) <= 3 and not any(map(str.isdigit, "".join(fields))) for fields in records)
    )


def _headed(fields: Sequence[str], above: Sequence[Sequence[str]]) -> Layout:
    """The layout of a file with the header `fields` below other records."""
    written = tuple(_printable(field).strip() for field in fields)
    return Layout(_unique(written), True, written, tuple(tuple(map(_printable, record)) for record in above))


def _numbers_layout(path: Path, dialect: Dialect, feed: Feed, first: str) -> Layout:
    """The layout of a do-not-call list without a header."""
    names = number_columns(list(_first_records(path, dialect)))
    if names is None:
        raise FileRejected(
            f"The file has no header that feed {feed.name!r} knows, and its values do not tell what the columns are. "
            "A do-not-call list has AAA,NNNNNNN or ten digits a line; a list of changes has a number, a time and A or "
            f"D. First record: {first.strip()[:80]!r}."
        )
    return Layout(names, False)


def _goes_on(path: Path, dialect: Dialect, first: list[str]) -> bool:
    """Whether the first record is data by those that follow it."""
    records = [fields for fields in islice(_first_records(path, dialect), 1, None) if len(fields) == len(first)]
    return goes_on(first, [Column(cells) for cells in zip(*records, strict=True)])


def _first_records(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    """The fields of the first records; fewer where they are long."""
    chars = 0
    with closing(_Records(path, dialect, first_byte(path, dialect))) as records:
        for fields, raw in islice(records, _FOLLOWING):
            chars += len(raw)
            if chars > _FOLLOWING_CHARS:
                return
            if fields is not None:
                yield fields


def read_batches(path: Path, dialect: Dialect, layout: Layout, *, max_field_chars: int) -> Iterator[Batch]:
    """All records after the header, in order, in batches.

    Blank lines are no records. Empty fields are nulls. Surplus fields that are all blank are dropped.
    """
    number = 0
    with closing(_Records(path, dialect, first_byte(path, dialect))) as records:
        for _ in range(layout.has_header + len(layout.above)):
            next(records, None)
        records.expect(len(layout.headers))
        if dialect.skip_blanks or not plain_csv.can_parse(dialect.encoding):
            yield from _one_by_one(records, None, number, dialect, layout, max_field_chars)
            return
        position, size = records.position, STRETCH_BYTES
    with path.open("rb") as file:
        while True:
            file.seek(position)
            stretch = file.read(size)
            if not stretch:
                return
            if len(stretch) == size:  # else it is the end of the file, where a line may lack its end
                stretch = stretch[: stretch.rfind(b"\n") + 1] or stretch
            is_cut = len(stretch) == size and not stretch.endswith(b"\n")
            table = None if is_cut else plain_csv.parse(
                stretch, encoding=dialect.encoding, delimiter=dialect.delimiter, quotechar=dialect.quotechar,
                width=len(layout.headers), max_field_chars=max_field_chars,
            )  # fmt: skip
            if table is not None:
                numbers = pa.array(range(number + 1, number + 1 + table.num_rows), pa.int64())
                yield Batch(table.add_column(0, "row_number", numbers), ())
                number += table.num_rows
                position += len(stretch)
                size = min(size * 2, STRETCH_BYTES)
                continue
            if size > LEAST_STRETCH_BYTES:
                size = max(size // 8, LEAST_STRETCH_BYTES)
                continue
            with closing(_Records(path, dialect, position, len(layout.headers))) as records:
                for batch in _one_by_one(records, position + len(stretch), number, dialect, layout, max_field_chars):
                    number += batch.table.num_rows + len(batch.bad)
                    yield batch
                position = records.position


def read_record(
    text: str, dialect: Dialect, headers: Sequence[str], number: int, max_field_chars: int
) -> list[str | None] | BadRow:
    """The fields of one record given as text, as those of a file's records are read; or what is wrong with it."""
    lines = io.StringIO(text, newline="")
    records = list(_Records(Path(), dialect, 0, len(headers)).read_lines(lines))
    if len(records) != 1:
        message = f"The text is {len(records)} records, not one"
        return BadRow(number, "WIDTH", None, text[:200], message, text)
    layout = Layout(tuple(headers), False)
    fields, raw = records[0]
    problem = _problem(fields, raw, len(headers), number, dialect, layout, max_field_chars)
    if problem is not None:
        return problem
    assert fields is not None
    return [field or None for field in fields[: len(headers)]]


def _one_by_one(
    records: _Records, until: int | None, number: int, dialect: Dialect, layout: Layout, max_field_chars: int
) -> Iterator[Batch]:
    """Batches of the records that begin before byte `until` of the file, numbered from `number + 1`."""
    width = len(layout.headers)
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    chars = 0
    for fields, raw in records:
        number += 1
        chars += len(raw)
        problem = _problem(fields, raw, width, number, dialect, layout, max_field_chars)
        if problem is not None:
            bad.append(problem)
        else:
            assert fields is not None
            rows.append([field or None for field in fields[:width]])
            numbers.append(number)
        if until is not None and records.position >= until:
            break
        if len(rows) + len(bad) >= BATCH_ROWS or chars >= _BATCH_CHARS:
            yield Batch(_table(numbers, rows, width), tuple(bad))
            rows, numbers, bad, chars = [], [], [], 0
    if rows or bad:
        yield Batch(_table(numbers, rows, width), tuple(bad))


def _problem(
    fields: list[str] | None,
    raw: str,
    width: int,
    number: int,
    dialect: Dialect,
    layout: Layout,
    max_field_chars: int,
) -> BadRow | None:
    """Why this record cannot be staged, or None."""
    if fields is None:
        text = _printable(raw)
        return BadRow(number, "WIDTH", None, text[:200], "A quoted field is opened here and never closed", text)
    if _is_damaged(raw, dialect):
        text = _printable(raw)
        where = next((h for h, f in zip(layout.headers, fields, strict=False) if _is_damaged(f, dialect)), None)
        return BadRow(
            number,
            "ENCODING",
            where,
            text[:200],
            f"Bytes that are not {dialect.encoding}; save the file as UTF-8",
            text,
        )
    if "\x00" in raw:
        where = next((h for h, f in zip(layout.headers, fields, strict=False) if "\x00" in f), None)
        text = _without_end(raw).replace("\x00", "\\x00")
        return BadRow(number, "ENCODING", where, text[:200], "The row contains a NUL character", text)
    if len(fields) != width and (len(fields) < width or any(field.strip() for field in fields[width:])):
        text = _without_end(raw)
        message = f"The row has {len(fields)} fields, the header has {width}"
        return BadRow(number, "WIDTH", None, text[:200], message, text)
    if len(raw) > max_field_chars:
        for header, value in zip(layout.headers, fields, strict=False):
            if len(value) > max_field_chars:
                message = f"The field has {len(value)} characters, more than {max_field_chars}"
                return BadRow(number, "VALIDATION", header, value[:200], message, _without_end(raw))
    return None


class _UnclosedQuote(Exception):
    """The record being read spans more lines than any real one."""


class _Lines:
    """Physical lines for `csv.reader`, remembering those of the current record so that they can be taken back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []
        self.current: list[str] = []
        self._chars = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if not self.current:
            self._chars = 0
        if len(self.current) >= _MAX_LINES_PER_RECORD or self._chars >= _MAX_CHARS_PER_RECORD:
            raise _UnclosedQuote
        line = self._again.pop() if self._again else next(self._lines)
        self.current.append(line)
        self._chars += len(line)
        return line

    def take_back_all_but_first(self) -> str:
        """Give the lines after the first to the next record; returns the first."""
        self._again.extend(reversed(self.current[1:]))
        first = self.current[0]
        self.current = []
        return first


class _Records:
    """Each record's fields and raw text, from a byte of the file on; fields are None where a quote is never closed.

    After such a record reading goes on at the next physical line, so that one stray quote costs one row. Bytes that
    are not text of the encoding become lone surrogates or, in UTF-16, replacement characters. `position` is the
    byte after the last record, in encodings that `plain_csv` knows. `width` is that of the file's first record.
    """

    def __init__(self, path: Path, dialect: Dialect, position: int, width: int | None = None) -> None:
        csv.field_size_limit(2**31 - 1)
        self.position = position
        self._path = path
        self._dialect = dialect
        self._width = width
        self._records: Generator[tuple[list[str] | None, str], None, None] = self._read_file()
        self._encoding = "utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
        self._errors = "replace" if _is_wide(dialect.encoding) else "surrogateescape"

    def __iter__(self) -> _Records:
        return self

    def close(self) -> None:
        """Let go of the file and the lines read: what is under way refers to this object and would keep it alive."""
        self._records.close()

    def expect(self, width: int) -> None:
        """From now on, records are as wide as this."""
        self._width = width

    def __next__(self) -> tuple[list[str] | None, str]:
        return next(self._records)

    def _read_file(self) -> Generator[tuple[list[str] | None, str], None, None]:
        with self._path.open("rb") as binary:
            binary.seek(self.position)
            text = io.TextIOWrapper(binary, encoding=self._encoding, errors=self._errors, newline="")
            yield from self.read_lines(text)

    def read_lines(self, physical: Iterable[str]) -> Iterator[tuple[list[str] | None, str]]:
        """The records of these physical lines."""
        lines = _Lines(iter(physical))
        dialect = self._dialect
        while True:
            reader = _csv_reader(lines, dialect)
            try:
                for fields in reader:
                    raw_lines = lines.current
                    if not fields:
                        self._pass(raw_lines)
                        lines.current = []
                        continue
                    self._width = self._width or len(fields)
                    if not _is_closed(fields, raw_lines, self._width, dialect):
                        yield None, self._pass([lines.take_back_all_but_first()])
                        break
                    lines.current = []
                    yield fields, self._pass(raw_lines)
                else:
                    return
            except _UnclosedQuote:
                yield None, self._pass([lines.take_back_all_but_first()])

    def _pass(self, lines: list[str]) -> str:
        """Move `position` behind the lines of a record; returns its text."""
        raw = lines[0] if len(lines) == 1 else "".join(lines)
        self.position += len(raw) if raw.isascii() else len(raw.encode(self._encoding, self._errors))
        return raw


def _csv_reader(lines: Iterable[str], dialect: Dialect, *, strict: bool = False) -> _csv.Reader:
    return csv.reader(
        lines, delimiter=dialect.delimiter, quotechar=dialect.quotechar, skipinitialspace=dialect.skip_blanks,
        strict=strict,
    )  # fmt: skip


def _is_closed(fields: list[str], lines: list[str], width: int, dialect: Dialect) -> bool:
    """Whether each quoted field of a record ends where it should.

    A quote left open swallows lines up to the next quote or the end of the file. So a record of several lines must
    have the header's width and be quoted by the book; one of a single line must only not end inside a quote.
    """
    if len(lines) == 1:
        if lines[0].count(dialect.quotechar) % 2 == 0:
            return True
        with_next = _csv_reader([lines[0], "\n"], dialect)
        next(with_next)
        return with_next.line_num == 1
    if len(fields) != width:
        return False
    try:
        next(_csv_reader(lines, dialect, strict=True))
    except csv.Error:
        return False
    return True


def _is_wide(encoding: str) -> bool:
    """Whether characters are whole units of two or four bytes: then a damaged one cannot be kept byte by byte."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _is_damaged(text: str, dialect: Dialect) -> bool:
    """Whether `text` has places that are not text of the encoding."""
    if text.isascii():
        return False
    if "\ufffd" in text and _is_wide(dialect.encoding):
        return True
    return any("\udc80" <= char <= "\udcff" for char in text)


def _table(numbers: list[int], rows: list[list[str | None]], width: int) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    arrays = [pa.array(numbers, pa.int64()), *(pa.array(column, pa.string()) for column in columns)]
    return pa.table(arrays, names=["row_number", *(f"c{position}" for position in range(width))])


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names made distinct: blanks become column_N, repeats get _2, _3 …"""
    if len(names) > _MAX_COLUMNS:
        raise FileRejected(f"The first record has {len(names)} fields: the delimiter is wrong or this is no table.")
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names):
        base = name or f"column_{position}"
        distinct, repeat = base, 1
        while distinct.lower() in seen:
            repeat += 1
            distinct = f"{base}_{repeat}"
        seen.add(distinct.lower())
        result.append(distinct)
    return tuple(result)


def _printable(raw: str) -> str:
    r"""Text with undecodable bytes shown as \xNN."""
    return _without_end(raw).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _without_end(raw: str) -> str:
    """A record's text without the line end that closes it; everything else of it stays."""
    return raw.removesuffix("\n").removesuffix("\r")
