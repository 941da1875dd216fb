"""One line of a JSON lines file: an object, as the texts of its top-level values.

A string's text is the string; that of a number, `true` or `false` is what is written there; that of a list or an
object is its JSON as it is written, without white space between its parts; null is None. Files are in `json_lines`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import JSONDecoder
from typing import Any, NoReturn

#: Lists and objects within one another. Readers of JSON give up somewhere beyond, each of them elsewhere.
MAX_DEPTH = 100

#: What is remembered of the forms of lines: at each place, and altogether.
_MOST_PIECES, _MOST_PLACES = 16, 20_000

_KEY = re.compile(r'[ \t\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r]*+:[ \t\r]*+')
_BETWEEN = re.compile(r"[ \t\r]*+")
#: JSON without white space outside of its strings, which is the greater part of what programs write.
_COMPACT = re.compile(r'[^"\s]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\s]*+)*+')
_PARTS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^"\s]++')
#: Escapes of what no text can hold: NUL, and halves of a character if the other half is missing.
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_KINDS: dict[type, str] = {
    list: "a list", str: "a string", bool: "a number, true or false", type(None): "null",
}  # fmt: skip


class BadLine(Exception):
    """A line that is no record, with the reason; `error_type` as in the error report."""

    def __init__(self, reason: str, error_type: str = "VALIDATION") -> None:
        super().__init__(reason)
        self.error_type = error_type


def _refuse_constant(name: str) -> NoReturn:
    raise BadLine(f"{name} is no value of JSON")


# Numbers are taken as they are written. `bool` makes nothing of their text, in no memory; `int` refuses long ones.
_DECODER = JSONDecoder(parse_int=bool, parse_float=bool, parse_constant=_refuse_constant)
_scan: Any = _DECODER.scan_once  # type: ignore[attr-defined]


class _Place:
    """What was found behind the same beginnings of lines: pieces up to the next value, and the keys of lines that end.

    A piece, here with its length, is all that stands between two values: `, "name": `.
    """

    __slots__ = ("keys", "pieces")

    def __init__(self) -> None:
        self.pieces: list[tuple[str, int, _Place]] = []
        self.keys: tuple[str, ...] | None = None

    def bring_forward(self, line: str, position: int) -> bool:
        """Put the piece that stands there in front, to be looked for first the next time; False if none does."""
        for order, (piece, _, _) in enumerate(self.pieces):
            if line.startswith(piece, position):
                self.pieces.insert(0, self.pieces.pop(order))
                return True
        return False


class LineReader:
    """Reads lines one after another. `keys` are those of the last line that was read.

    Lines of a file are mostly alike: what stands between the values of one is looked for in the next, and only where
    something else stands there the line is taken apart anew.
    """

    def __init__(self) -> None:
        self.keys: tuple[str, ...] = ()
        self._start = _Place()
        self._places = 0

    def read(self, line: str) -> list[str | None]:
        """The texts of a line's values, in the order of `keys`. Raises BadLine."""
        values = None
        if not ("\\u" in line and _SUSPICIOUS.search(line)):
            values = self._read_as_known(line)
        return self._read_anew(line) if values is None else values

    def _read_as_known(self, line: str) -> list[str | None] | None:
        position, place = 0, self._start
        values: list[str | None] = []
        add, startswith = values.append, line.startswith
        blanks = "\t" in line or "\r" in line
        try:
            while pieces := place.pieces:
                piece, size, behind = pieces[0]
                if not startswith(piece, position):
                    if not place.bring_forward(line, position):
                        break
                    piece, size, behind = pieces[0]
                place, start = behind, position + size
                value, position = _scan(line, start)
                kind = type(value)
                if kind is str or value is None:
                    add(value)
                elif kind is bool:  # or a number
                    add(line[start:position])
                else:
                    text = line[start:position]
                    if len(text) > MAX_DEPTH and text.count("[") + text.count("{") >= MAX_DEPTH:
                        return None
                    if (blanks or " " in text) and not _COMPACT.fullmatch(text):
                        text = _compact(text)
                    add(text)
        except (StopIteration, ValueError, RecursionError, BadLine):
            return None
        if place.keys is None or line[position:].rstrip(" \t\r") != "}":
            return None
        self.keys = place.keys
        return values

    def _remember(self, pieces: list[str], keys: tuple[str, ...]) -> None:
        if self._places > _MOST_PLACES:
            self._start, self._places = _Place(), 0
        place = self._start
        for piece in pieces:
            behind = next((behind for known, _, behind in place.pieces if known == piece), None)
            if behind is None:
                behind = _Place()
                place.pieces.insert(0, (piece, len(piece), behind))
                del place.pieces[_MOST_PIECES:]
                self._places += 1
            place = behind
        place.keys = place.keys or keys

    def _read_anew(self, line: str) -> list[str | None]:
        line = line.strip(" \t\r\ufeff")
        _check(line, _parsed(line))
        keys: list[str] = []
        pieces: list[str] = []
        values: list[str | None] = []
        position, end = 0, 1
        while key := _KEY.match(line, end):
            keys.append(json.loads(key[1]))
            pieces.append(line[position : key.end()])
            value, position = _scan(line, key.end())
            first = line[key.end()]
            if first == '"':
                values.append(value)
            elif first in "{[":
                values.append(_compact(line[key.end() : position]))
            else:
                values.append(None if value is None else line[key.end() : position])
            after = _BETWEEN.match(line, position)
            assert after is not None
            end = after.end() + 1  # past the comma
        _check_keys(keys)
        self.keys = tuple(keys)
        self._remember(pieces, self.keys)
        return values


def is_record(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(_parsed(line.strip(" \t\r\ufeff")), dict)
    except BadLine:
        return False


def _parsed(line: str) -> Any:
    try:
        return _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise BadLine(f"The line is no JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise _too_deep() from None


def _check(line: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise BadLine(f"The line is {_KINDS.get(type(value), 'a value')}, not an object")
    if not value:
        raise BadLine("The object is empty")
    if line.count("[") + line.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep()
    if not _SUSPICIOUS.search(line):
        return
    for text in _texts(value):
        if "\0" in text:
            raise BadLine("The row contains a NUL character", "ENCODING")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadLine("The row has half of a character (an unpaired surrogate)", "ENCODING") from None


def _check_keys(keys: list[str]) -> None:
    """Keys are columns, whose names differ by more than case."""
    seen: dict[str, str] = {}
    for key in keys:
        if not key.strip():
            raise BadLine("A key is blank")
        if key.casefold() in seen:
            other = seen[key.casefold()]
            raise BadLine(
                f"The key {key!r} is there twice" if other == key else f"The keys {other!r} and {key!r} are one column"
            )
        seen[key.casefold()] = key


def _too_deep() -> BadLine:
    return BadLine(f"Lists and objects are nested more than {MAX_DEPTH} levels deep")


def _compact(text: str) -> str:
    return "".join(_PARTS.findall(text))


def _depth(value: Any) -> int:
    """How deep lists and objects are nested in one another; 1 for one without another."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [part for held in level for part in _parts(held) if isinstance(part, dict | list)]
    return depth


def _texts(value: Any) -> Iterator[str]:
    """All strings in a value, keys included."""
    waiting = [value]
    while waiting:
        held = waiting.pop()
        if isinstance(held, str):
            yield held
        elif isinstance(held, dict):
            yield from held
            waiting.extend(held.values())
        elif isinstance(held, list):
            waiting.extend(held)


def _parts(held: Any) -> Iterator[Any]:
    return iter(held.values() if isinstance(held, dict) else held)
