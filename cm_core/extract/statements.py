"""The SQL that is sent to the source, as text: columns as text, key ranges, and one statement that reads and counts.

Pure functions. Names are quoted and values are written as hexadecimal literals or checked numbers: connectorx takes
no parameters. Only SQL that both MySQL and MariaDB accept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Between the values of a row, and in place of a NULL, in the text that a row's checksum is taken of.
SEPARATOR, NULL = "\x1f", "\x1e"

_BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"})
_SPATIAL = frozenset(
    {
        "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
        "geometrycollection", "geomcollection",
    }
)  # fmt: skip
_TEXT = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
#: Types whose order in an index is the order of their text or number, so that slices can be cut along them.
_KEY_TYPES = (
    _INTEGERS
    | {"decimal", "char", "varchar", "binary", "varbinary", "date", "datetime", "timestamp", "time", "year"}
    | {"uuid", "inet4", "inet6"}
)
#: Types whose values become the same text wherever text is wanted.
_PRINTED = _INTEGERS | {"decimal", "float", "double", "date", "datetime", "timestamp", "time"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

#: A key's values, as text, in the order of the key's columns.
KeyValue = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of the source: its type without length (`varchar`), and its character set if it is text."""

    name: str
    type: str
    charset: str | None
    nullable: bool

    @property
    def is_integer(self) -> bool:
        """Whether the values are whole numbers."""
        return self.type in _INTEGERS

    @property
    def can_be_key(self) -> bool:
        """Whether slices can be cut along this column."""
        return self.type in _KEY_TYPES

    @property
    def is_text(self) -> bool:
        """Whether the value can be sent as it is: characters that the connection understands."""
        return self.type in _TEXT and self.charset in ("utf8mb4", "ascii")


def quoted(name: str) -> str:
    """A table's or column's name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def as_text(column: Column) -> str:
    """The column's value as text, as the server prints it: bytes as hexadecimal digits, BIT as a number."""
    name = quoted(column.name)
    if column.is_text:
        return name
    if column.type in _BINARY or column.type in _SPATIAL:
        return f"hex({name})"
    if column.type == "bit":
        return f"concat({name} + 0)"
    if column.type in _TEXT or column.type in ("enum", "set"):
        return f"convert({name} using utf8mb4)"
    return f"concat({name})"


def _hashed(column: Column) -> str:
    """The column's part in the text of its row; a value that the server cannot turn into text is left out."""
    name = quoted(column.name)
    if column.is_text or column.type in _PRINTED:  # the server prints these by itself, and faster
        return f"ifnull({name}, {_literal(NULL)})" if column.nullable else name
    # Not `ifnull(value, ...)`: `hex` of more than max_allowed_packet is NULL too, and must not look like one.
    value = as_text(column)
    return f"if({name} is null, {_literal(NULL)}, {value})" if column.nullable else value


def row_checksum(columns: Sequence[Column]) -> str:
    """64 bits of the SHA-256 of a row's values, as an unsigned number."""
    values = ", ".join(_hashed(column) for column in columns)
    return f"cast(conv(left(sha2(concat_ws({_literal(SEPARATOR)}, {values}), 256), 16), 16, 10) as unsigned)"


def file_checksum(names: Sequence[str]) -> str:
    """The same, over all rows, in DuckDB's dialect: the columns of a written file, each of them text."""
    values = ", ".join("ifnull(" + '"' + name.replace('"', '""') + '"' + f", chr({ord(NULL)}))" for name in names)
    return f"bit_xor(('0x' || left(sha256(concat_ws(chr({ord(SEPARATOR)}), {values})), 16))::ubigint)"


def key_order(key: Sequence[Column]) -> str:
    """The key's columns for `order by`."""
    return ", ".join(quoted(column.name) for column in key)


def in_range(key: Sequence[Column], after: KeyValue | None, upto: KeyValue | None) -> str:
    """The condition `after < key <= upto`; None leaves that side open."""
    sides = []
    if after is not None:
        sides.append(_compare(key, after, ">"))
    if upto is not None:
        sides.append(_compare(key, upto, "<", last="<="))
    return " and ".join(sides) or "true"


def read_statement(table: str, columns: Sequence[Column], condition: str) -> str:
    """One statement whose rows are those of the slice, then one with their count and checksum.

    The columns are `c0`, `c1` ... and `summary`, which is NULL in the rows of the table and `count:checksum` in the
    last. It is one statement so that both see the same snapshot, whatever the table's storage engine.
    """
    values = ", ".join(f"{as_text(column)} as c{number}" for number, column in enumerate(columns))
    nulls = ", ".join("null" for _ in columns)
    source = f"from {quoted(table)} where {condition}"
    return (
        f"select {values}, null as summary {source} union all "
        f"select {nulls}, concat(count(*), ':', bit_xor({row_checksum(columns)})) {source}"
    )


def _compare(key: Sequence[Column], value: KeyValue, operator: str, *, last: str | None = None) -> str:
    """`key <operator> value` column by column: servers use no index for comparisons of whole rows."""
    (column, *rest), (first, *others) = key, value
    name, literal = quoted(column.name), _value(column, first)
    if not rest:
        return f"{name} {last or operator} {literal}"
    inner = _compare(rest, tuple(others), operator, last=last)
    return f"({name} {operator}= {literal} and ({name} {operator} {literal} or {inner}))"


def _value(column: Column, text: str) -> str:
    if column.is_integer or column.type in ("decimal", "year"):
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is no number")
        return text
    if column.type in _BINARY:
        return f"x'{bytes.fromhex(text).hex()}'"
    return _literal(text)


def _literal(text: str) -> str:
    return f"_utf8mb4 x'{text.encode().hex()}'"
