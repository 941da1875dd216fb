"""The text of a SQL dump as a stream: a window of bytes over it, comments, strings and statements skipped in it.

Nothing here knows what a statement means; that is in `sql_dump`. Every regular expression is possessive, so that
matching takes linear time on any input.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from typing import Protocol

from cm_core.errors import FileRejected

#: Bytes read at a time.
CHUNK = 2 << 20
#: What is in view when a statement begins: its table and column names, at most.
LOOKAHEAD = 512 << 10

#: Comments are white space. So are the marks of a versioned comment (`/*!40101 ... */`): what is between is read.
COMMENT = rb"/\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+\*/|--(?=\s)[^\n]*+|#[^\n]*+|/\*M?!\d*+|\*/"
BLANK = rb"(?:\s++|" + COMMENT + rb")*+"
BACKTICKED = rb"`[^`]*+(?:``[^`]*+)*+`"
STRING = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
STRING_PLAIN = rb"'[^']*+(?:''[^']*+)*+'"
DOUBLE = rb'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
DOUBLE_PLAIN = rb'"[^"]*+(?:""[^"]*+)*+"'
IDENTIFIER = BACKTICKED + rb"|" + DOUBLE_PLAIN + rb"|[\w$\x80-\xff]++"

_SPACE = re.compile(rb"\s++")
#: A version that no server has. MariaDB's programs begin a dump with it.
_NEVER = re.compile(rb"/\*M?!99999\d?+(?!\d)")
_LINE_COMMENT = re.compile(rb"#|--(?:[\x00-\x20]|\Z)")
_VERSION_MARK = re.compile(rb"/\*M?!\d{0,6}+|\*/")
_IN_QUOTES = {
    (quote, escapes): re.compile(
        rb"[^%c\\]*+(?:(?:\\.|%c%c)[^%c\\]*+)*+" % ((ord(quote),) * 4)
        if escapes
        else rb"[^%c]*+(?:%c%c[^%c]*+)*+" % ((ord(quote),) * 4),
        re.DOTALL,
    )
    for quote in "'\"`"
    for escapes in (True, False)
}


class Reads(Protocol):
    """A binary stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class SqlText:
    """A window `buffer[position:]` over the dump. Methods that advance refill it; memory stays a few chunks.

    Raises FileRejected when the stream itself is torn (a compressed file cut off).
    """

    def __init__(self, stream: Reads) -> None:
        self.buffer = b""
        self.position = 0
        self.tail = b""
        self.ended = False
        self.backslashes = True
        self.set_delimiter(b";")
        self._stream = stream
        self._lines = 1  # the line of buffer[_lines_at]
        self._lines_at = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self.more()
        if self.buffer.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            # What a dump redirected to a file in PowerShell is.
            self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
            self.buffer = self._decoder.decode(self.buffer).encode("utf-8", errors="replace")
        if self.buffer.startswith(codecs.BOM_UTF8):
            self.position = len(codecs.BOM_UTF8)

    def set_delimiter(self, delimiter: bytes) -> None:
        """What ends a statement from here on."""
        self.delimiter = delimiter
        self._plain = re.compile(rb"[^'\"`#\-/*()" + re.escape(delimiter[:1]) + rb"]++")

    @property
    def left(self) -> int:
        """Bytes in view."""
        return len(self.buffer) - self.position

    @property
    def at_end(self) -> bool:
        """Whether nothing is left of the dump."""
        return self.left == 0 and not self.more()

    def more(self) -> bool:
        """Read on: at least as much again as is in view, so that repeated tries stay linear. False at the end."""
        if self.ended:
            return False
        self.line()
        rest = self.buffer[self.position :]
        wanted = max(CHUNK, len(rest))
        pieces = []
        while wanted > 0:
            piece = self._read(wanted)
            if not piece:
                self.ended = True
                break
            pieces.append(piece)
            wanted -= len(piece)
        if pieces:
            self.tail = (self.tail + pieces[-1][-300:])[-300:]
        self._lines_at -= self.position
        self.buffer, self.position = b"".join([rest, *pieces]), 0
        return bool(pieces)

    def ensure(self, size: int) -> None:
        """Have `size` bytes in view, or all that are left."""
        while self.left < size and self.more():
            pass

    def line(self) -> int:
        """The line of `position`, from 1."""
        if self.position > self._lines_at:
            self._lines += self.buffer.count(b"\n", self._lines_at, self.position)
            self._lines_at = self.position
        return self._lines

    def skip_blank(self) -> None:
        """Past white space, comments, and the marks of versioned comments."""
        while True:
            if self.left < 16 and not self.ended:
                self.more()
            if space := _SPACE.match(self.buffer, self.position):
                self.position = space.end()
                if self.left == 0 and not self.ended:
                    continue
            elif _LINE_COMMENT.match(self.buffer, self.position):
                self._skip_past(b"\n")
            elif (mark := _VERSION_MARK.match(self.buffer, self.position)) and not self._never():
                self.position = mark.end()
            elif self._starts(b"/*"):
                self.position += 2
                self._skip_past(b"*/")
            else:
                return

    def at_delimiter(self) -> bool:
        """Whether the statement ends here."""
        self.ensure(len(self.delimiter))
        return self._starts(self.delimiter)

    def skip_statement(self, keep: int = 0) -> tuple[bytes, bool]:
        """Past the end of the statement: its first `keep` bytes, and whether it had an end."""
        return self._skip(keep, whole_row=False)

    def skip_row(self, keep: int = 0) -> tuple[bytes, bool]:
        """Past the parenthesis that closes the one at `position`, or up to the end of the statement before that."""
        return self._skip(keep, whole_row=True)

    def skip_lines_past(self, end: bytes) -> None:
        """Past the next line that is `end` and nothing else."""
        line = re.compile(rb"\n" + re.escape(end) + rb"\r?(?:\n|\Z)")
        while True:
            if found := line.search(self.buffer, self.position):
                self.position = found.end()
                return
            self.position = max(self.position, len(self.buffer) - len(end) - 3)
            if not self.more():
                self.position = len(self.buffer)
                return

    def _skip(self, keep: int, *, whole_row: bool) -> tuple[bytes, bool]:
        kept: list[bytes] = []
        start, depth, ended = self.position, 0, False

        def take() -> None:
            """Keep what was passed over, before the window moves on."""
            nonlocal start, keep
            if keep > 0 and self.position > start:
                kept.append(self.buffer[start : min(self.position, start + keep)])
                keep -= len(kept[-1])
            start = self.position

        while True:
            if self.left < 64 and not self.ended:
                take()
                self.more()
                start = self.position
            if self.left == 0:
                break
            if self._starts(self.delimiter):
                ended = True
                break
            if plain := self._plain.match(self.buffer, self.position):
                self.position = plain.end()
                continue
            char = self.buffer[self.position : self.position + 1]
            if char in (b"'", b'"', b"`"):
                self.position += 1
                take()
                inside = self._string(char, keep)
                kept.append(inside)
                keep -= len(inside)
                start = self.position
            elif char in (b"#", b"-", b"/", b"*"):
                before = self.position
                take()
                self.skip_blank()
                start = self.position
                if self.position == before and self.left:
                    self.position += 1
            else:
                depth += (char == b"(") - (char == b")")
                self.position += 1
                if whole_row and depth <= 0:
                    ended = True
                    break
        take()
        if ended and not whole_row:
            self.position += len(self.delimiter)
        return b"".join(kept), ended

    def _string(self, quote: bytes, keep: int) -> bytes:
        """Past the rest of a string or quoted name; its first `keep` bytes with the closing quote."""
        inside = _IN_QUOTES[quote.decode(), self.backslashes and quote != b"`"]
        kept = b""
        while True:
            match = inside.match(self.buffer, self.position)
            assert match is not None
            if len(kept) < keep:
                kept += self.buffer[self.position : min(match.end(), self.position + keep - len(kept))]
            self.position = match.end()
            # The last byte in view may be the first half of an escape or of a doubled quote.
            if self.left > 1 or (self.left == 1 and self.ended):
                closed = self._starts(quote)
                self.position += 1
                return kept + quote if closed and len(kept) < keep else kept
            if not self.more() and self.left == 0:
                return kept

    def _never(self) -> bool:
        return _NEVER.match(self.buffer, self.position) is not None

    def _starts(self, text: bytes) -> bool:
        return self.buffer.startswith(text, self.position)

    def _skip_past(self, end: bytes) -> None:
        while True:
            found = self.buffer.find(end, self.position)
            if found >= 0:
                self.position = found + len(end)
                return
            self.position = max(self.position, len(self.buffer) - len(end) + 1)
            if not self.more():
                self.position = len(self.buffer)
                return

    def _read(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileRejected(f"The compressed file is damaged or cut off ({error}). Transfer it again.") from None
        if self._decoder is None:
            return piece
        while True:
            text = self._decoder.decode(piece, final=not piece).encode("utf-8", errors="replace")
            if text or not piece:
                return text
            piece = self._stream.read(size)
