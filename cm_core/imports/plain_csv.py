"""The well-formed stretches of a delimited file, parsed by Arrow: many times faster than `csv` record by record.

A stretch is taken only where Arrow and `csv` cannot but agree: quoted by the book, no line break within quotes, every
line as wide as the header, all of it text. Everything else is for `reader`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

#: Codecs in which a line break, a delimiter and a quote are single bytes that are nothing else.
_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "ascii": "ascii", "latin-1": "latin-1", "cp1252": "cp1252"}


def can_parse(encoding: str) -> bool:
    """Whether stretches of a file in this encoding can be taken at all."""
    return encoding in _ENCODINGS


def parse(
    stretch: bytes, *, encoding: str, delimiter: str, quotechar: str, width: int, max_field_chars: int
) -> pa.Table | None:
    """Text columns `c0, c1, …` of a stretch of whole lines, blank ones left out; None if it is not well-formed.

    Empty fields are nulls.
    """
    if 0 in stretch or stretch.count(b"\r") != stretch.count(b"\r\n"):
        return None
    data = np.frombuffer(stretch, dtype=np.uint8)
    if not _is_quoted_by_the_book(data, ord(delimiter), ord(quotechar)):
        return None
    if not stretch.isascii() and encoding not in ("utf-8", "utf-8-sig"):
        try:
            stretch = stretch.decode(_ENCODINGS[encoding]).encode("utf-8")
        except UnicodeDecodeError:
            return None
    names = [f"c{position}" for position in range(width)]
    try:
        table = csv.read_csv(
            pa.BufferReader(stretch),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(stretch) + 1),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=quotechar, double_quote=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(stretch) > max_field_chars and any(
        (pc.max(pc.utf8_length(column)).as_py() or 0) > max_field_chars for column in table.columns
    ):
        return None
    return table


def _is_quoted_by_the_book(data: np.ndarray, delimiter: int, quote: int) -> bool:
    """Whether each quote opens a field, closes one or is doubled inside one, and no line ends inside quotes."""
    quotes = np.flatnonzero(data == quote)
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, data[opening - 1], 10)
    after = data[np.minimum(closing + 1, len(data) - 1)]
    after = np.where(closing + 1 < len(data), after, 10)
    opens = (before == delimiter) | (before == 10) | (before == quote)
    closes = (after == delimiter) | (after == 10) | (after == 13) | (after == quote)
    if not (opens.all() and closes.all()):
        return False
    # An opening quote right after a closing one is the second of a doubled pair, and only that.
    line_ends = np.flatnonzero(data == 10)
    return not (np.searchsorted(quotes, line_ends) % 2).any()
