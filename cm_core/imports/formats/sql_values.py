r"""Literals of a SQL dump as text columns.

The text of a value, by the column's declared type:

- text, numbers, dates, ENUM, SET, JSON, UUID, INET6: as the server prints it, without quotes and escapes.
- BINARY, VARBINARY, BLOB, geometry: `table_set.text_of_bytes`: the text if it is text, else `0x` and hex digits.
- BIT: the number, as `column + 0` prints it. `b'101'` is 5 in columns of other or unknown type too.
- Hex literals (`0x41`, `X'41'`): a number in a numeric column, else bytes.
- TRUE and FALSE are 1 and 0; NULL is null.

Text is UTF-8. What is not is decoded by the character set that the dump declares (`SET NAMES`); where that is UTF-8
itself, or none was declared and the type is unknown, it is kept as `0x` and hex digits and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cm_core.imports.formats.table_set import text_of_bytes

Kind = Literal["text", "number", "bit", "binary", "unknown"]

_NUMBERS = (
    "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "dec", "fixed", "float",
    "double", "real", "bool", "boolean", "year", "int1", "int2", "int3", "int4", "int8", "serial",
)  # fmt: skip
_BINARY = (
    "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bytea", "geometry", "point", "linestring",
    "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection", "vector",
)  # fmt: skip

#: Python's names of the server's single-byte character sets, and of the others in which no byte looks like an escape.
CODECS = {
    "utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "binary": "utf-8", "ascii": "utf-8",
    "latin1": "cp1252", "latin2": "iso8859-2", "latin5": "iso8859-9", "latin7": "iso8859-13", "greek": "iso8859-7",
    "hebrew": "iso8859-8", "cp1250": "cp1250", "cp1251": "cp1251", "cp1256": "cp1256", "cp1257": "cp1257",
    "cp850": "cp850", "cp852": "cp852", "cp866": "cp866", "koi8r": "koi8-r", "koi8u": "koi8-u",
    "macroman": "mac-roman", "macce": "mac-latin2", "tis620": "tis-620", "ujis": "euc-jp", "eucjpms": "euc-jp",
    "euckr": "euc-kr", "gb2312": "gb2312",
}  # fmt: skip
#: Character sets with a backslash or a quote inside a character: such a dump cannot be read byte by byte.
UNSAFE_CHARSETS = ("big5", "cp932", "gb18030", "gbk", "sjis")

_ESCAPES = {b"\\0": b"\0", b"\\b": b"\b", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t", b"\\Z": b"\x1a"}
#: Outside of patterns these two keep their backslash (MySQL manual, String Literals).
_ESCAPES |= {b"\\%": b"\\%", b"\\_": b"\\_"}
_ESCAPED = {quote: re.compile(rb"\\.|" + quote * 2, re.DOTALL) for quote in (b"'", b'"')}
_QUOTE, _BACKSLASH = 39, 92


def kind_of(declared: str | None) -> Kind:
    """What a declared column type, such as `varchar(50)`, is for the text of its values."""
    if declared is None:
        return "unknown"
    word = declared.strip().lower().partition("(")[0].partition(" ")[0]
    if word == "bit":
        return "bit"
    if word in _BINARY:
        return "binary"
    return "number" if word in _NUMBERS else "text"


def unescape(body: bytes, backslashes: bool, quote: bytes = b"'") -> bytes:
    """The bytes that a string literal stands for; `body` is what is between its quotes."""
    if not backslashes:
        return body.replace(quote * 2, quote)
    if b"\\" not in body and quote not in body:
        return body
    return _ESCAPED[quote].sub(_unescaped, body)


def _unescaped(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return _ESCAPES.get(found) or found[1:]


class Converter:
    """Turns columns of literals into text under the settings that hold at a place of the dump.

    `hex_values` counts values of text that are kept as hex digits because they are in no known encoding.
    """

    def __init__(self) -> None:
        self.backslashes = True
        self.codec: str | None = None
        self.hex_values = 0

    def column(self, literals: Sequence[bytes], kind: Kind) -> pa.Array:
        """The text of each literal. Every literal is one that `sql_dump` accepts as a value."""
        if kind in ("binary", "bit"):
            return pa.array([self.text(literal, kind) for literal in literals], pa.string())
        array, odd = _bare(pa.array(literals, pa.binary()), self.backslashes)
        if self.codec in (None, "utf-8", "cp1252"):
            try:
                plain = array.cast(pa.string())
            except pa.ArrowInvalid:
                return pa.array([self.text(literal, kind) for literal in literals], pa.string())
        elif all(literal.isascii() for literal in literals):
            plain = array.cast(pa.string())
        else:
            return pa.array([self.text(literal, kind) for literal in literals], pa.string())
        if odd.any():
            where = np.flatnonzero(odd)
            texts = [self.text(literals[index], kind) for index in where.tolist()]
            plain = pc.replace_with_mask(plain, pa.array(odd), pa.array(texts, pa.string()))
        return plain

    def text(self, literal: bytes, kind: Kind) -> str | None:
        """The text of one literal."""
        first = literal[:1]
        if first == b"'":
            value = unescape(literal[1:-1], self.backslashes)
            if kind == "binary":
                return text_of_bytes(value)
            if kind == "bit":
                return _number(int.from_bytes(value, "big"))
            return self._decoded(value, kind)
        if literal in (b"NULL", b"null") or literal.upper() == b"NULL":
            return None
        if first in b"bB" and literal[1:2] == b"'":
            return _number(int(literal[2:-1] or b"0", 2)) if kind != "binary" else _bits(literal[2:-1])
        if first in b"xX":
            return self._of_hex(literal[2:-1], kind)
        if literal[:2] == b"0x":
            return self._of_hex(literal[2:], kind)
        if first == b"_":
            charset, _, body = literal.partition(b"'")
            value = unescape(body[:-1], self.backslashes)
            codec = charset.strip()[1:].decode("ascii", errors="replace").lower()
            if kind == "bit":
                return _number(int.from_bytes(value, "big"))
            if codec == "binary" or kind == "binary":
                return text_of_bytes(value)
            return _decode(value, CODECS.get(codec, "utf-8")) or self._hex(value)
        return literal.decode("ascii", errors="replace")

    def _decoded(self, value: bytes, kind: Kind) -> str:
        if self.codec in (None, "utf-8", "cp1252"):
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                pass
        text = None
        if self.codec not in (None, "utf-8"):
            text = _decode(value, self.codec or "")
        elif self.codec is None and kind == "text":
            text = _decode(value, "cp1252")
        return text if text is not None else self._hex(value)

    def _of_hex(self, digits: bytes, kind: Kind) -> str:
        if kind in ("number", "bit"):
            return _number(int(digits or b"0", 16))
        value = bytes.fromhex((b"0" * (len(digits) % 2) + digits).decode())
        return self._decoded(value, kind) if kind == "text" else text_of_bytes(value)

    def _hex(self, value: bytes) -> str:
        if not value:
            return ""
        self.hex_values += 1
        return "0x" + value.hex().upper()


def _decode(value: bytes, codec: str) -> str | None:
    """`value` in `codec`, or None. The server's latin1 is Windows-1252 with the undefined bytes as C1 controls."""
    try:
        return value.decode(codec)
    except UnicodeDecodeError:
        return value.decode("latin-1") if codec == "cp1252" else None


def _number(value: int) -> str:
    """Decimal digits; of absurdly long numbers, hex digits."""
    return str(value) if value.bit_length() < 10_000 else f"0x{value:X}"


def _bits(digits: bytes) -> str:
    size = (len(digits) + 7) // 8
    return text_of_bytes(int(digits or b"0", 2).to_bytes(size, "big"))


def _bare(literals: pa.Array, backslashes: bool) -> tuple[pa.Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The literals with quotes taken off and NULL as null, and which of them need `Converter.text` instead.

    Column-wise over the bytes, since nearly every value is a number or a string without escapes.
    """
    count = len(literals)
    starts_and_end = np.frombuffer(literals.buffers()[1], dtype=np.int32)[: count + 1]
    data = np.frombuffer(literals.buffers()[2] or b"", dtype=np.uint8)[: starts_and_end[-1]]
    starts, ends = starts_and_end[:-1], starts_and_end[1:]
    first = data[starts]
    quoted = first == _QUOTE
    plain_number = ((first >= 48) & (first <= 57)) | (first == 45) | (first == 43) | (first == 46)
    null = (first | 32) == ord("n")
    odd = ~(quoted | plain_number | null)
    # 0x41 begins like a number.
    second = data[np.minimum(starts + 1, len(data) - 1)]
    odd |= (first == 48) & (second == ord("x")) & (ends - starts > 1)

    inside = data == _QUOTE
    inside[starts[quoted]] = False
    inside[ends[quoted] - 1] = False
    if backslashes:
        inside |= data == _BACKSLASH
    escaped = np.flatnonzero(inside)
    if len(escaped):
        odd[np.searchsorted(starts, escaped, side="right") - 1] = True

    keep = np.ones(len(data), dtype=np.bool_)
    keep[starts[quoted]] = False
    keep[ends[quoted] - 1] = False
    taken = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(quoted * np.int32(2), out=taken[1:])
    if odd.any():
        # Their bytes may be no UTF-8 until they are unescaped; empty values stand in for them.
        drop = np.flatnonzero(odd)
        lengths = ends[drop] - starts[drop]
        spans = np.repeat(starts[drop] - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) + np.arange(
            lengths.sum()
        )
        keep[spans] = False
        removed = quoted * np.int32(2)
        removed[drop] = lengths
        np.cumsum(removed, out=taken[1:])
    offsets = (starts_and_end - taken).astype(np.int32)
    valid = np.packbits(~null, bitorder="little")
    buffers = [pa.py_buffer(valid.tobytes()), pa.py_buffer(offsets.tobytes()), pa.py_buffer(data[keep].tobytes())]
    return pa.Array.from_buffers(pa.binary(), count, buffers), odd
