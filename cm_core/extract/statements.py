"""The SQL that is sent to the source, as text: columns as text, key ranges, reading a slice and its checksum.

Pure functions. Names are quoted and values are written as hexadecimal literals or checked numbers. Only SQL that both
MySQL and MariaDB accept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
#: Character sets whose bytes are UTF-8, if they are well-formed; and one whose every byte is a character.
_UTF8, _SINGLE_BYTES = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"}), "latin1"
#: Types whose values become the same text wherever text is wanted; and two that MySQL prints in two ways.
_PRINTED, _FLOATING = _INTEGERS | {"decimal", "date", "datetime", "timestamp", "time"}, frozenset({"float", "double"})
_CHARSET = re.compile(r"[a-z0-9_]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

#: How the rows' checksums become one. A row that is twice in a table without key would cancel itself in `bit_xor`.
Aggregate = Literal["bit_xor", "sum"]
#: A key's values in the order of the key's columns: numbers, dates and bytes (hexadecimal) as text; text as its
#: character set and its bytes in that, `cp1251:c0`, since it may have no equal in any other.
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
    def is_text(self) -> bool:
        """Whether the values are text in a character set."""
        return self.type in _TEXT

    @property
    def can_be_key(self) -> bool:
        """Whether slices can be cut along this column."""
        return self.type in _KEY_TYPES


def quoted(name: str) -> str:
    """A table's or column's name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def as_text(column: Column) -> str:
    """The column's value as text, as the server prints it: bytes as hexadecimal digits, BIT as a number."""
    name = quoted(column.name)
    if column.type in _BINARY or column.type in _SPATIAL:
        return f"hex({name})"
    if column.type == "bit":
        return f"concat({name} + 0)"
    if column.type in _TEXT or column.type in ("enum", "set"):
        return name if column.charset == "utf8mb4" else f"convert({name} using utf8mb4)"
    return f"concat({name})"


def as_key(column: Column) -> str:
    """The column's value as `KeyValue` has it."""
    return f"concat('{column.charset}:', hex({quoted(column.name)}))" if column.is_text else as_text(column)


def text_key(text: str) -> str:
    """A text as `KeyValue` has it."""
    return f"utf8mb4:{text.encode().hex()}"


def _sent(column: Column, *, verify: bool) -> str:
    """The same, in the form that costs the server least, and with text exact to the byte.

    Text in UTF-8 is sent as it is, and may be ill-formed. With `verify`, ill-formed text becomes `0x` and its bytes
    as hexadecimal digits. Text in other character sets always does when it has no equal in UTF-8.
    """
    name = quoted(column.name)
    if column.type in _PRINTED:
        return name
    if column.type not in _TEXT or column.charset is None or column.charset == _SINGLE_BYTES:
        return as_text(column)
    if verify or column.charset not in _UTF8:
        return _verified(name, column.charset)
    # Unasked, the server would replace what is ill-formed with question marks where it is not utf8mb4.
    return name if column.charset == "utf8mb4" else f"cast({name} as binary)"


def _verified(name: str, charset: str) -> str:
    # There and back again, through UTF-16 for UTF-8: it has no place for half of a surrogate pair.
    between = "utf16" if charset.startswith("utf8") else "utf8mb4"
    again = f"convert(convert({name} using {between}) using {charset})"
    same = f"cast({again} as binary) = cast({name} as binary)"
    return f"if({same}, convert({name} using utf8mb4), concat('0x', hex({name})))"


def _hashed(column: Column, *, verify: bool) -> str:
    """The column's part in the text of its row; a value that the server cannot turn into text is left out."""
    name = quoted(column.name)
    value = name if column.type in _FLOATING else _sent(column, verify=verify)
    if not column.nullable:
        return value
    if value == name:
        return f"ifnull({name}, {_literal(NULL)})"
    # Not `ifnull(value, ...)`: `hex` of more than max_allowed_packet is NULL too, and must not look like one.
    return f"if({name} is null, {_literal(NULL)}, {value})"


def _row_checksum(columns: Sequence[Column], *, verify: bool) -> str:
    """64 bits of the SHA-256 of a row's values, as an unsigned number."""
    values = ", ".join(_hashed(column, verify=verify) for column in columns)
    return f"cast(conv(left(sha2(concat_ws({_literal(SEPARATOR)}, {values}), 256), 16), 16, 10) as unsigned)"


def file_checksum(names: Sequence[str], aggregate: Aggregate) -> str:
    """The same, over all rows, in DuckDB's dialect: the columns of a written file, each of them text."""
    values = ", ".join("ifnull(" + '"' + name.replace('"', '""') + '"' + f", chr({ord(NULL)}))" for name in names)
    return f"{aggregate}(('0x' || left(sha256(concat_ws(chr({ord(SEPARATOR)}), {values})), 16))::ubigint)"


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


def rows_statement(table: str, columns: Sequence[Column], condition: str, *, verify: bool = False) -> str:
    """The rows of a slice."""
    values = ", ".join(_sent(column, verify=verify) for column in columns)
    return f"select {values} from {quoted(table)} where {condition}"


def facts_statement(
    table: str, columns: Sequence[Column], condition: str, aggregate: Aggregate, *, verify: bool = False
) -> str:
    """Their count and checksum, as one text: `count:checksum`."""
    checksum = f"{aggregate}({_row_checksum(columns, verify=verify)})"
    return f"select concat(count(*), ':', ifnull({checksum}, 0)) from {quoted(table)} where {condition}"


def joint_statement(
    table: str, columns: Sequence[Column], condition: str, aggregate: Aggregate, *, verify: bool = False
) -> str:
    """Both in one statement, with one more column: NULL in the rows, and the count and checksum in the last row.

    So both are of one moment whatever the table's storage engine; two statements take the server less time.
    """
    values = ", ".join(_unified(column, verify=verify) for column in columns)
    nulls = ", ".join("null" for _ in columns)
    return (
        f"select {values}, null from {quoted(table)} where {condition} union all "
        f"select {nulls}, ({facts_statement(table, columns, condition, aggregate, verify=verify)})"
    )


def _unified(column: Column, *, verify: bool) -> str:
    # In a union, numbers and times would be fitted to the type of the NULLs of its other part.
    return as_text(column) if column.type in _PRINTED else _sent(column, verify=verify)


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
    if column.is_text:
        charset, _, digits = text.partition(":")
        if not _CHARSET.fullmatch(charset):
            raise ValueError(f"{charset!r} is no character set")
        return f"_{charset} x'{bytes.fromhex(digits).hex()}'"
    return _literal(text)


def _literal(text: str) -> str:
    return f"_utf8mb4 x'{text.encode().hex()}'"
