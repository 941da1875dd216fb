"""Rows of MySQL's text protocol in bulk: the bytes that the server sent become Arrow columns of text.

pymysql logs in, sends the statement and knows the errors; its cursors, which make a Python object of each value, are
what is passed by. Which statement it is and what its rows mean belongs to the callers.

A row is a packet: three bytes of length, one of sequence, then each value with its own length before it, or 0xFB for
NULL (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.constants import CR

_HEADER = 4
#: A packet of this length goes on in the next one.
_LARGEST = 0xFFFFFF
#: The first byte of a value's length: NULL, or how many bytes of length follow.
_NULL = 0xFB
_LONG = {0xFC: 2, 0xFD: 3, 0xFE: 8}
#: The first byte of the packet after the last row, which is shorter than any row that begins so; and of an error.
_END, _END_BYTES, _ERROR = 0xFE, 9, 0xFF
#: What is read before it is decoded. It grows where a row is longer.
_BUFFER_BYTES = 4 << 20
_LONGEST_ROW = 1 << 30
#: More than pymysql's reader holds.
_READER_BYTES = 64 << 10

Positions = npt.NDArray[np.int64]


def read_rows(
    connection: pymysql.connections.Connection[Any],
    statement: str,
    *,
    width: int | None = None,
    timeout_s: float | None = None,
    buffer_bytes: int = _BUFFER_BYTES,
) -> Iterator[list[pa.Array]]:
    """The rows of `statement` in batches: for each of its columns an array of text.

    Values are the bytes that the server sent; whether they are UTF-8 is not checked. Raises pymysql's errors, also
    when the server is silent for `timeout_s` (that of the connection if not given). A connection whose rows are not
    read to the end is closed. Raises ValueError if the rows have not `width` columns.
    """
    inside: Any = connection
    if timeout_s is not None:
        inside._read_timeout = timeout_s
    connection.query(statement, unbuffered=True)
    inside._result.unbuffered_active = False  # or pymysql would wait for the rows that are read here
    columns = inside._result.field_count
    if not columns:
        return
    complete = False
    try:
        if columns != (width or columns):
            raise ValueError(f"The query has {columns} columns, not {width}.")
        yield from _batches(inside, columns, buffer_bytes)
        complete = True
    finally:
        if not complete:
            inside._force_close()


def _batches(connection: Any, columns: int, buffer_bytes: int) -> Iterator[list[pa.Array]]:
    held = _begun(connection)
    buffer = bytearray(max(buffer_bytes, len(held)))
    buffer[: len(held)] = held
    filled, at = len(held), 0
    starts: list[int] = []
    while True:
        at, filled = _walk(buffer, at, filled, starts)
        is_last = bool(starts) and _is_last(buffer, starts[-1], at)
        if is_last:
            starts.pop()
        if starts and (is_last or filled == len(buffer)):
            yield _columns(buffer, starts, columns)
        if is_last:
            return
        if filled == len(buffer):
            rest = buffer[at:filled]
            if len(rest) > len(buffer) // 2:
                buffer = bytearray(_grown(len(buffer)))
            buffer[: len(rest)] = rest
            at, filled, starts = 0, len(rest), []
        filled += _receive(connection, memoryview(buffer)[filled:])


def _begun(connection: Any) -> bytes:
    """What pymysql's reader holds already. From then on nothing goes through it: it would wait for a full buffer."""
    with _os_errors():
        return bytes(connection._rfile.read1(_READER_BYTES))


def _receive(connection: Any, into: memoryview) -> int:
    """Read what has arrived, at least a byte."""
    with _os_errors():
        got: int = connection._rfile.raw.readinto(into)
    if not got:
        raise _lost("the server closed the connection")
    return got


@contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _lost(str(error) or type(error).__name__) from error


def _walk(buffer: bytearray, at: int, filled: int, starts: list[int]) -> tuple[int, int]:
    """Add where each whole packet's content begins, from `at` on. Where the rest begins, and where it ends by now."""
    last = filled - _HEADER
    while at <= last:
        size = buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16
        if size == _LARGEST:
            size, filled = _joined(buffer, at, filled)
            last = filled - _HEADER
        after = at + _HEADER + size
        if after > filled:
            break
        starts.append(at + _HEADER)
        at = after
    return at, filled


def _joined(buffer: bytearray, at: int, filled: int) -> tuple[int, int]:
    """Take out the headers in the middle of a row that is several packets, if all of it is there.

    Its length, which is beyond `filled` if not, and where the bytes end then.
    """
    headers, after, part = [], at + _HEADER, _LARGEST
    while part == _LARGEST:
        after += part
        if after + _HEADER > filled:
            return after + _HEADER - at, filled
        part = int.from_bytes(buffer[after : after + 3], "little")
        headers.append(after)
        after += _HEADER
    after += part
    if after > filled:
        return after - at, filled
    for header in reversed(headers):
        buffer[header : filled - _HEADER] = buffer[header + _HEADER : filled]
        filled -= _HEADER
    return after - at - _HEADER * (1 + len(headers)), filled


def _is_last(buffer: bytearray, start: int, after: int) -> bool:
    """Whether the packet ends the rows. Raises the server's error if that is what it is."""
    if buffer[start] == _ERROR:
        pymysql.err.raise_mysql_exception(bytes(buffer[start:after]))
    return buffer[start] == _END and after - start < _END_BYTES


def _columns(buffer: bytearray, starts: list[int], columns: int) -> list[pa.Array]:
    """Decode the packets that begin at `starts`, column by column for all rows at once.

    To Arrow the buffer is an array of texts, of which every other one is a value, and the ones between are the rest
    of the rows. Taking the values copies them, so the buffer is free afterwards.
    """
    data, content = np.frombuffer(buffer, np.uint8), pa.py_buffer(buffer)
    begins = np.array(starts, np.int64)
    at = begins
    values = pa.py_buffer(np.arange(0, 2 * len(begins), 2, dtype=np.int64))
    bounds = np.empty((columns, 2 * len(begins)), np.int32)
    arrays = []
    for offsets in bounds:
        first, valid = data[at], None
        size, at = first.astype(np.int64), at + 1
        if first.max() >= _NULL:
            valid = pa.py_buffer(np.packbits(first != _NULL, bitorder="little"))
            size, at = _long_sizes(data, first, at)
        offsets[0::2] = at
        at = at + size
        offsets[1::2] = at
        spans = pa.Array.from_buffers(pa.string(), len(offsets) - 1, [None, pa.py_buffer(offsets), content])
        wanted = pa.Array.from_buffers(pa.int64(), len(begins), [valid, values])
        arrays.append(pc.take(spans, wanted, boundscheck=False))  # they are inside
    if (at[:-1] + _HEADER != begins[1:]).any():
        raise _lost("the server sent rows of another form")
    return arrays


def _long_sizes(
    data: npt.NDArray[np.uint8], first: npt.NDArray[np.uint8], at: Positions
) -> tuple[Positions, Positions]:
    """Sizes and positions where not every value's length is a single byte."""
    size = np.where(first == _NULL, 0, first).astype(np.int64)
    for marker, width in _LONG.items():
        rows = np.flatnonzero(first == marker)
        if len(rows):
            places = at[rows]
            size[rows] = sum(data[places + byte].astype(np.int64) << 8 * byte for byte in range(width))
            at[rows] += width
    return size, at


def _grown(size: int) -> int:
    if size >= _LONGEST_ROW:
        raise pymysql.err.NotSupportedError(CR.CR_OUT_OF_MEMORY, "a row has more than 1 GiB")
    return min(size * 2, _LONGEST_ROW)


def _lost(detail: str) -> pymysql.err.OperationalError:
    return pymysql.err.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to the server during the query: {detail}")
