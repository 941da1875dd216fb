"""The lines of a flat do-not-call list, `AAA,NNNNNNN` or ten digits, parsed many at once by numpy.

A line is taken only where it is exactly that: every other one is given back as text and goes the way of any record. So
what a line means does not depend on who reads it. Which files are such lists is decided in `source`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Bytes of lines parsed at once: about half a million of them.
STRETCH_BYTES = 6 << 20
#: Share of the first lines that must be plain for the file to be read like this.
_LEAST_SHARE = 0.9
_LOOKED_AT_BYTES = 256 << 10
_LF, _CR, _ZERO = 10, 13, 48
_DIGITS = 10
_AREA_DIGITS = 3

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class FlatList:
    """A flat list: from which byte on, and the delimiter between area code and number, None where they are joined.

    `encoding` is that of lines that are not plain.
    """

    path: Path
    start: int
    delimiter: str | None
    encoding: str

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of its columns."""
        return ("phone",) if self.delimiter is None else ("area_code", "number")

    def stretches(self) -> Iterator[bytes]:
        """The file in pieces of whole lines."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            rest = b""
            while block := file.read(STRETCH_BYTES):
                block = rest + block
                cut = block.rfind(b"\n") + 1
                rest = block[cut:]
                if cut:
                    yield block[:cut]
            if rest:
                yield rest


@dataclass(frozen=True)
class Parsed:
    """The lines of a stretch: `rows` and `numbers` of the plain ones, `odd` the others by row. Rows count from 1."""

    lines: int
    rows: Array
    numbers: Array
    odd: tuple[tuple[int, bytes], ...]


def flat_list(path: Path, start: int, encoding: str, headers: tuple[str, ...], delimiter: str) -> FlatList | None:
    """The file as a flat list, if its columns `headers` and its first lines are those of one."""
    if headers not in (("phone",), ("area_code", "number")) or len(delimiter.encode()) != 1:
        return None
    found = FlatList(path, start, None if headers == ("phone",) else delimiter, encoding)
    with path.open("rb") as file:
        file.seek(start)
        head = file.read(_LOOKED_AT_BYTES)
    if b"\n" not in head:
        return None
    parsed = parse(head[: head.rfind(b"\n") + 1], found.delimiter)
    return found if parsed.lines and len(parsed.rows) >= _LEAST_SHARE * parsed.lines else None


def parse(stretch: bytes, delimiter: str | None) -> Parsed:
    """The lines of a stretch; blank ones are none. A number has its first digit from 2 to 9."""
    data: Array = np.frombuffer(stretch, dtype=np.uint8)
    ends = np.flatnonzero(data == _LF)
    if not stretch.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    ends = ends - ((ends > starts) & (data[np.maximum(ends - 1, 0)] == _CR))
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    rows = np.arange(1, len(starts) + 1)
    width = _DIGITS + (delimiter is not None)
    of_width = ends - starts == width
    numbers, is_plain = _numbers(_cells(data, starts[of_width], width), delimiter)
    is_odd = ~of_width
    is_odd[of_width] = ~is_plain
    odd = tuple((int(row), stretch[starts[row - 1] : ends[row - 1]]) for row in rows[is_odd])
    return Parsed(len(starts), rows[~is_odd], numbers[is_plain], odd)


def _cells(data: Array, starts: Array, width: int) -> Array:
    """The characters of lines of one width: a view where the lines are evenly spaced, else a copy."""
    steps = np.diff(starts)
    if len(steps) and (steps == steps[0]).all() and starts[0] + steps[0] * len(starts) <= len(data):
        whole = data[starts[0] : starts[0] + steps[0] * len(starts)].reshape(-1, steps[0])
        return whole[:, :width]
    return data[starts[:, None] + np.arange(width)]


def _numbers(cells: Array, delimiter: str | None) -> tuple[Array, Array]:
    """The ten digits of each line as a number, and whether the line is plain."""
    is_plain = np.ones(len(cells), dtype=bool)
    numbers = np.zeros(len(cells), dtype=np.int64)
    if delimiter is not None:
        is_plain &= cells[:, _AREA_DIGITS] == ord(delimiter)
    for position in range(cells.shape[1]):
        if delimiter is not None and position == _AREA_DIGITS:
            continue
        digit = cells[:, position] - _ZERO  # unsigned: what is no digit is more than 9
        is_plain &= digit <= 9
        if position == 0:
            is_plain &= digit >= 2
        numbers = numbers * 10 + digit
    return numbers, is_plain
