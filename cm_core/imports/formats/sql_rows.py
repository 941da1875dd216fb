"""The rows of one INSERT statement: `(1, 'a', NULL), (2, 'b', 0x00), …`.

Runs of ordinary rows are matched many at a time by one regular expression; any other row is read token by token,
and gives its literals or the reason why it has none. Values stay as written; `sql_values` makes text of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cm_core.imports.formats.sql_text import COMMENT, DOUBLE, DOUBLE_PLAIN, STRING, STRING_PLAIN, SqlText
from cm_core.imports.formats.sql_values import unescape

_NUMBER = rb"[-+]?(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+"
_HEX = rb"0x[0-9A-Fa-f]*+|[xX]'(?:[0-9A-Fa-f]{2})*+'"
_BITS = rb"[bB]'[01]*+'"
#: Wider tables are read row by row: the regular expression has a group for each column.
_MAX_GROUPS = 300
_LEAST_WINDOW, _MOST_WINDOW = 8 << 10, 256 << 10
#: A column of a bad row that explains it: how much of it is shown.
_SHOWN = 40

_TOKENS = {
    backslashes: re.compile(
        rb"(?P<blank>\s++|" + COMMENT + rb")|(?P<string>" + string + rb")|(?P<double>" + double + rb")"
        rb"|(?P<hex>" + _HEX + rb")|(?P<bits>" + _BITS + rb"|0b[01]++)|(?P<number>" + _NUMBER + rb"(?![\w.$]))"
        rb"|(?P<national>[nN]" + string + rb")|(?P<charset>_[A-Za-z0-9]++(?=[\s'xX0]))"
        rb"|(?P<word>[\w$@\x80-\xff]++)|(?P<mark>[(),])|(?P<other>/(?!\*)|[^'\"/])",
        re.DOTALL,
    )
    for backslashes, string, double in ((True, STRING, DOUBLE), (False, STRING_PLAIN, DOUBLE_PLAIN))
}


@dataclass(frozen=True)
class Row:
    """One row read token by token: its literals, or the reason why it is bad."""

    literals: tuple[bytes, ...]
    reason: str | None


class Incomplete(Exception):
    """The row goes on beyond what is in view."""


@lru_cache(maxsize=64)
def fast_rows(width: int, header: bytes, backslashes: bool) -> re.Pattern[bytes] | None:
    """Matches one row of `width` values and the comma, or the end of statement and same header again, behind it.

    For `findall`: each match gives the values and an empty text; where no row follows, the last match gives empty
    values and all the rest.
    """
    if not 0 < width <= _MAX_GROUPS:
        return None
    string = STRING if backslashes else STRING_PLAIN
    value = rb"(" + string + rb"|" + _NUMBER + rb"|NULL|" + _HEX + rb"|_binary ?" + string + rb"|" + _BITS + rb")"
    values = rb"\s*+,\s*+".join([value] * width)
    again = rb"|;\s*+" + re.escape(header) if header else b""
    return re.compile(rb"\s*+\(\s*+" + values + rb"\s*+\)\s*+(?:," + again + rb")|(.+)", re.DOTALL)


class RowReader:
    """Reads the rows of a statement from `text`, whose position is behind VALUES."""

    def __init__(self, text: SqlText, *, ansi_quotes: bool, max_row_bytes: int) -> None:
        self._text = text
        self._ansi_quotes = ansi_quotes
        self._max_row_bytes = max_row_bytes
        self._too_long = Row((), f"The row is longer than {max_row_bytes >> 20} MB")
        self._window = 64 << 10

    def run(self, width: int, header: bytes) -> list[tuple[bytes, ...]]:
        """As many ordinary rows as are in view, up to a quarter of a megabyte; each with an empty text at its end.

        Empty when the next row is no ordinary one, or the last one of its statement.
        """
        pattern = fast_rows(width, header if self._text.delimiter == b";" else b"", self._text.backslashes)
        if pattern is None:
            return []
        text = self._text
        text.ensure(self._window)
        end = min(len(text.buffer), text.position + self._window)
        rows: list[tuple[bytes, ...]] = pattern.findall(text.buffer, text.position, end)
        rest = len(rows.pop()[-1]) if rows and rows[-1][-1] else 0
        used = end - rest - text.position
        # A bad row makes the next tries short, so that a file full of them takes no longer than it must.
        self._window = (
            min(self._window * 2, _MOST_WINDOW) if used > self._window // 2 else max(self._window // 4, _LEAST_WINDOW)
        )
        text.position = end - rest
        return rows

    def row(self) -> tuple[Row, bytes, bool]:
        """The row that begins at the position: what it is, its text, and whether its statement goes on behind it."""
        text = self._text
        while True:
            try:
                row, end, closed = self._parse()
            except Incomplete:
                if text.left > self._max_row_bytes:
                    raw, closed = text.skip_row(1000)
                    return self._too_long, raw, closed
                text.more()
                continue
            raw = text.buffer[text.position : end]
            text.position = end
            if len(raw) > self._max_row_bytes:
                row = self._too_long
            return row, raw, closed

    def _parse(self) -> tuple[Row, int, bool]:
        """The row, where it ends, and whether it was closed. Raises Incomplete."""
        text = self._text
        buffer, ended, delimiter = text.buffer, text.ended, text.delimiter
        tokens = _TOKENS[text.backslashes]
        position, depth = text.position, 0
        literals: list[bytes] = []
        value: list[tuple[str, bytes]] = []
        reason: str | None = None
        while True:
            if depth and buffer.startswith(delimiter, position):
                return Row((), "The statement ends within a row"), position, False
            match = tokens.match(buffer, position)
            if match is None:  # what is in view ends here, or within a string or comment
                if not ended:
                    raise Incomplete
                return Row((), "The file ends within a row: the dump is cut off"), len(buffer), False
            kind, found = match.lastgroup or "", match[0]
            position = match.end()
            if kind == "blank":
                continue
            if kind == "mark":
                depth += (found == b"(") - (found == b")")
                if (found == b"," and depth == 1) or depth == 0:
                    literal, problem = self._literal(value)
                    literals.append(literal)
                    reason = reason or (problem and f"Value {len(literals)} {problem}")
                    value = []
                    if depth == 0:
                        break
                    continue
                if found == b"(" and depth == 1:
                    continue
            value.append((kind, found))
        if reason is None and len(literals) == 1 and literals[0] == b"":
            reason = "The row has no values"
        return Row(() if reason else tuple(literals), reason), position, True

    def _literal(self, value: list[tuple[str, bytes]]) -> tuple[bytes, str | None]:
        """One value as a literal that `sql_values` knows, or why it is none."""
        kinds = [kind for kind, _ in value]
        if not value:
            return b"", None
        kind, found = value[0]
        if kind == "double" and not self._ansi_quotes:
            value = [(k, self._requoted(f)) if k == "double" else (k, f) for k, f in value]
            kinds = ["string" if k == "double" else k for k in kinds]
            kind, found = kinds[0], value[0][1]
        if kinds == ["number"] or kinds == ["hex"]:
            return found, None
        if kinds == ["bits"]:
            return (b"b'" + found[2:] + b"'" if found[:2] == b"0b" else found), None
        if kinds == ["charset", "string"]:
            return found + value[1][1], None
        if kinds == ["charset", "hex"]:
            return value[1][1], None
        if kind == "national":
            kind, found, kinds[0] = "string", found[1:], "string"
            value = [(kind, found), *value[1:]]
        if set(kinds) == {"string"}:
            return b"'" + b"".join(text[1:-1] for _, text in value) + b"'", None
        if kinds == ["word"]:
            word = found.upper()
            if word in (b"NULL", b"TRUE", b"FALSE", b"DEFAULT"):
                return {b"TRUE": b"1", b"FALSE": b"0"}.get(word, word), None
        shown = b" ".join(text for _, text in value)[:_SHOWN].decode("utf-8", errors="backslashreplace")
        return b"", f"is no literal but an expression, which is not computed: {shown}"

    def _requoted(self, found: bytes) -> bytes:
        """A string in double quotes as one in single quotes."""
        value = unescape(found[1:-1], self._text.backslashes, b'"')
        if self._text.backslashes:
            value = value.replace(b"\\", b"\\\\")
        return b"'" + value.replace(b"'", b"''") + b"'"
