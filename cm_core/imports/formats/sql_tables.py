"""CREATE TABLE statements of a SQL dump: the names and declared types of the columns, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from cm_core.imports.formats.sql_text import BACKTICKED, BLANK, COMMENT, DOUBLE_PLAIN, IDENTIFIER, STRING, STRING_PLAIN

_HEAD = re.compile(
    rb"(?i)CREATE\s+(?:OR\s+REPLACE\s+)?+(?:(?:GLOBAL|LOCAL)\s+)?+(?:TEMPORARY\s+|TEMP\s+|UNLOGGED\s+)?+TABLE\s*+"
    + BLANK + rb"(?:IF\s+NOT\s+EXISTS\s*+)?+" + BLANK
    + rb"(?P<first>" + IDENTIFIER + rb")\s*+(?:\.\s*+(?P<second>" + IDENTIFIER + rb"))?+" + BLANK + rb"\("
)  # fmt: skip
_TOKENS = {
    backslashes: re.compile(
        rb"(?P<blank>\s++|" + COMMENT + rb")|(?P<name>" + BACKTICKED + rb"|" + DOUBLE_PLAIN + rb")"
        rb"|(?P<string>" + string + rb")|(?P<word>[\w$\x80-\xff]++)|(?P<mark>.)",
        re.DOTALL,
    )
    for backslashes, string in ((True, STRING), (False, STRING_PLAIN))
}
#: What begins an element of a CREATE TABLE that is no column.
_NO_COLUMN = (
    b"KEY", b"PRIMARY", b"UNIQUE", b"CONSTRAINT", b"INDEX", b"FULLTEXT", b"SPATIAL", b"CHECK", b"FOREIGN", b"PERIOD",
    b"LIKE", b"EXCLUDE",
)  # fmt: skip
_OF_TYPE = (b"UNSIGNED", b"ZEROFILL", b"PRECISION", b"VARYING")
_MAX_TYPE_CHARS = 2_000


@dataclass(frozen=True)
class Declared:
    """A declared column. An INSERT without a column list gives no value for an invisible one."""

    name: str
    type: str
    generated: bool = False
    invisible: bool = False


@dataclass(frozen=True)
class CreateTable:
    """A CREATE TABLE statement that lists columns."""

    schema: str | None
    name: str
    columns: tuple[Declared, ...]


def name_of(identifier: bytes) -> str:
    """An identifier without its quotes."""
    quote = identifier[:1]
    if quote in (b"`", b'"'):
        identifier = identifier[1:-1].replace(quote * 2, quote)
    return identifier.decode("utf-8", errors="replace")


def parse_create_table(statement: bytes, *, backslashes: bool = True) -> CreateTable | None:
    """The table that `statement` creates; None if it does not list columns (`LIKE`, `AS SELECT`)."""
    head = _HEAD.match(statement)
    if head is None:
        return None
    elements: list[list[tuple[str, bytes]]] = [[]]
    depth = 1
    for token in _TOKENS[backslashes].finditer(statement, head.end()):
        kind, text = token.lastgroup or "", token[0]
        if kind == "blank":
            continue
        if kind == "mark":
            depth += (text == b"(") - (text == b")")
            if depth == 0:
                break
            if text == b"," and depth == 1:
                elements.append([])
                continue
        elements[-1].append((kind, text))
    columns = [column for element in elements if (column := _column(element)) is not None]
    if not columns:
        return None
    first, second = head["first"], head["second"]
    schema, name = (name_of(first), name_of(second)) if second is not None else (None, name_of(first))
    return CreateTable(schema, name, tuple(columns))


def _column(element: list[tuple[str, bytes]]) -> Declared | None:
    if not element:
        return None
    kind, name = element[0]
    if kind not in ("name", "word") or (kind == "word" and name.upper() in _NO_COLUMN):
        return None
    outside = _outside_parentheses(element[1:])
    generated = b"GENERATED" in outside and b"IDENTITY" not in outside
    generated = generated or any(word == b"AS" and following == b"(" for word, following in pairwise(outside))
    return Declared(name_of(name), _type(element[1:]), generated, b"INVISIBLE" in outside)


def _outside_parentheses(tokens: list[tuple[str, bytes]]) -> list[bytes]:
    """The words at the top of an element in upper case, and each opening parenthesis there."""
    depth, result = 0, []
    for kind, text in tokens:
        if kind == "mark" and text == b")":
            depth -= 1
        if depth == 0 and (kind == "word" or text == b"("):
            result.append(text.upper())
        if kind == "mark" and text == b"(":
            depth += 1
    return result


def _type(tokens: list[tuple[str, bytes]]) -> str:
    """The type as written, such as `int(10) unsigned` or `enum('a','b')`; empty where none is given."""
    if not tokens or tokens[0][0] != "word":
        return ""
    parts = [tokens[0][1]]
    rest = tokens[1:]
    if rest and rest[0][1] == b"(":
        close = next((index for index, token in enumerate(rest) if token == ("mark", b")")), len(rest) - 1)
        parts[0] += b"".join(text for _, text in rest[: close + 1])
        rest = rest[close + 1 :]
    for kind, text in rest:
        if kind != "word" or text.upper() not in _OF_TYPE:
            break
        parts.append(text)
    return b" ".join(parts).decode("utf-8", errors="replace")[:_MAX_TYPE_CHARS]
