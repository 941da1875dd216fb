"""A file of JSON lines (`.jsonl`, `.ndjson`) as a table set: one table `records`, whose columns are the top-level keys.

A key that appears in a later line is a column, null in the lines before. What the text of a value is, and which lines
are no records, `json_line` says. Blank lines are no lines of the list. Every other line is a row or a bad row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cm_core.compute.collector import without_collector
from cm_core.errors import FileRejected
from cm_core.imports.formats.json_line import BadLine, LineReader, is_record
from cm_core.imports.formats.sql_text import Reads
from cm_core.imports.formats.table_set import Column, TableSet, TableSetWriter

TABLE = "records"
#: A longer line is a bad row, as in delimited text.
MAX_LINE_BYTES = 16 << 20
#: More different keys are no columns: they are data, and each would cost every row a cell.
MAX_KEYS = 2_000

_CHUNK = 1 << 20
#: Cells of the rows that wait for being written.
_MOST_CELLS = 2_000_000
_KEPT_RAW = 80_000
_NAMES = (".jsonl", ".ndjson", ".jsonlines")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: How an object begins, and a document that is one JSON value written over many lines or in a list.
_OBJECT = re.compile(r'\{\s*"')
_DOCUMENT = re.compile(r'(?:\[\s*)?\{\s*"[^"\n]*"\s*:')


def is_json_lines(name: str, head: bytes) -> bool:
    """Whether a file called `name` that begins with `head` is JSON lines: one of the lines in view is an object.

    Raises FileRejected where it is JSON of another form.
    """
    named = name.lower().endswith(_NAMES)
    text = _decoded(head)
    start = text.lstrip()
    if not named and not start.startswith(("{", "[")):
        return False
    *whole, last = text.split("\n")
    if start.startswith("{") or named:
        if any(is_record(line) for line in [*whole, last]):
            return True
        if _OBJECT.match(start) and (named or not any(line.strip() for line in whole)):
            return True  # a first line that goes on out of sight, or is all there is and torn
    if _DOCUMENT.match(start):
        raise FileRejected(
            f"{name} is a JSON document, not JSON lines, which have an object a line. Rewrite it, for example with "
            "`jq -c '.[]' FILE.json > FILE.jsonl`."
        )
    return False


def _decoded(head: bytes) -> str:
    if head.startswith(_UTF16):
        return head.decode("utf-16", errors="replace")
    return head.decode("utf-8-sig", errors="replace")


def read_json_lines(stream: Reads, folder: Path, *, max_line_bytes: int = MAX_LINE_BYTES) -> TableSet:
    """Write the records that `stream` gives (bytes, uncompressed) as the table `records` into `folder`.

    `stream` is read once, front to back; memory is bounded by the longest line. Raises FileRejected for more than
    MAX_KEYS different keys.
    """
    with TableSetWriter(folder) as writer, without_collector():
        reader = _Reader(writer)
        for line, block, state in _blocks(_as_utf8(stream), max_line_bytes):
            if state == "long":
                reader.refuse(line, f"The line is longer than {max_line_bytes >> 20} MB", block, "VALIDATION")
            else:
                reader.add(line, block, torn=state == "torn")
        return reader.finish()


class _Reader:
    """Turns lines into rows; those of a block wait until there are enough of them."""

    def __init__(self, writer: TableSetWriter) -> None:
        self._writer = writer
        self._table = writer.table(TABLE)
        self._lines = LineReader()
        self._keys: tuple[str, ...] = ()
        self._positions: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._count = 0
        self._first_reason = ""
        #: Rows by the columns they have: which rows of the waiting ones, and their values.
        self._waiting: dict[tuple[int, ...], tuple[list[int], list[list[str | None]]]] = {}
        self._alike: tuple[list[int], list[list[str | None]]] = ([], [])

    def add(self, first: int, block: bytes, *, torn: bool) -> None:
        """The lines of `block`, the first of which is line `first`; `torn` if the last one has no end."""
        try:
            lines: list[str | bytes] = [*block.decode("utf-8").split("\n")]
        except UnicodeDecodeError:
            lines = [*block.split(b"\n")]
        last = len(lines) - 1 if torn else -1
        has_nul = b"\0" in block
        for offset, line in enumerate(lines):
            if not line or line.isspace():
                continue
            try:
                if has_nul and "\0" in _text_of(line):
                    raise BadLine("The row contains a NUL character", "ENCODING")
                self._add_line(_text_of(line))
            except BadLine as bad:
                reason = str(bad)
                if offset == last:
                    reason += "; the last line has no end, so the file may be cut off"
                self.refuse(first + offset, reason, line, bad.error_type)
        self._flush()

    def refuse(self, line: int, reason: str, raw: str | bytes, error_type: str) -> None:
        """A line that is no record."""
        self._first_reason = self._first_reason or f"Line {line}: {reason}."
        self._writer.bad_row(TABLE, line, f"{reason}.", raw, error_type)

    def finish(self) -> TableSet:
        """The table set. Raises FileRejected where no line is a record."""
        if self._first_reason and not self._table.rows:
            raise FileRejected(f"No line of the file is a JSON object with keys. {self._first_reason}")
        return self._writer.finish()

    def _add_line(self, line: str) -> None:
        values = self._lines.read(line)
        if self._keys is not self._lines.keys or not self._waiting:
            self._keys = self._lines.keys
            self._alike = self._waiting.setdefault(self._columns_of(self._keys), ([], []))
        numbers, rows = self._alike
        numbers.append(self._count)
        rows.append(values)
        self._count += 1
        if self._count * len(self._table.columns) >= _MOST_CELLS:
            self._flush()

    def _columns_of(self, keys: tuple[str, ...]) -> tuple[int, ...]:
        if keys not in self._positions:
            if len(self._positions) >= MAX_KEYS:
                self._positions.clear()  # keys in ever new orders
            self._positions[keys] = tuple(self._table.add_column(Column(key)) for key in keys)
            if len(self._table.columns) > MAX_KEYS:
                raise FileRejected(
                    f"The lines have more than {MAX_KEYS:,} different keys. Keys are columns; write lists of what "
                    "varies from line to line as one value."
                )
        return self._positions[keys]

    def _flush(self) -> None:
        if not self._count:
            return
        columns: dict[int, list[str | None]] = {}
        for positions, (numbers, rows) in self._waiting.items():
            for position, values in zip(positions, zip(*rows, strict=True), strict=True):
                if len(self._waiting) == 1:
                    columns[position] = list(values)
                    continue
                column = columns.setdefault(position, [None] * self._count)
                for number, value in zip(numbers, values, strict=True):
                    column[number] = value
        self._table.append(list(columns), [pa.array(values, pa.string()) for values in columns.values()])
        self._waiting, self._count = {}, 0


def _text_of(line: str | bytes) -> str:
    if isinstance(line, str):
        return line
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadLine(f"Byte {error.start + 1} is not UTF-8; save the file as UTF-8", "ENCODING") from None


def _blocks(stream: Reads, max_line_bytes: int) -> Iterator[tuple[int, bytes, str]]:
    """Stretches of whole lines, each with the number of its first line (from 1).

    With "long" comes the beginning of a line that is too long, with "torn" a stretch whose last line has no end.
    """
    size = min(_CHUNK, max_line_bytes)
    line, held, skipping = 1, b"", False
    while chunk := stream.read(size):
        held += chunk
        if skipping:
            _, end, held = held.partition(b"\n")
            if not end:
                continue
            line, skipping = line + 1, False
        first = held.find(b"\n")
        if (first if first >= 0 else len(held)) > max_line_bytes:
            yield line, held[:_KEPT_RAW], "long"
            if first < 0:
                held, skipping = b"", True
                continue
            line, held = line + 1, held[first + 1 :]
        whole, end, held = held.rpartition(b"\n")
        if end:
            yield line, whole, "whole"
            line += whole.count(b"\n") + 1
    if held:
        yield line, held, "torn"


def _as_utf8(stream: Reads) -> Reads:
    """The stream without a byte-order mark; UTF-16, which some programs write with one, as UTF-8."""
    head = stream.read(_CHUNK)
    if head.startswith(_UTF16):
        return _FromUtf16(head, stream)
    return _After(head.removeprefix(codecs.BOM_UTF8), stream)


class _After:
    """A stream with bytes in front of it."""

    def __init__(self, head: bytes, stream: Reads) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._stream.read(size)


class _FromUtf16:
    """UTF-16 as UTF-8. What is no text comes as bytes that are no UTF-8 either."""

    def __init__(self, head: bytes, stream: Reads) -> None:
        self._source = _After(head, stream)
        self._decoder = codecs.getincrementaldecoder("utf-16")(errors="surrogatepass")

    def read(self, size: int, /) -> bytes:
        """About `size` bytes; none at the end."""
        while part := self._source.read(size):
            if text := self._decoder.decode(part):
                return text.encode("utf-8", errors="surrogatepass")
        left = self._decoder.getstate()[0]
        self._decoder.reset()
        return left and b"\xff"  # half a character at the end of a file that was cut off
