"""What kind of text file this is: one streaming pass for the encoding, a sample for delimiter and quoting.

Which columns mean what is in `mapping`; reading the records is in `reader`.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cm_core.errors import FileRejected
from cm_core.imports.feed_catalog import Format

#: Delimiters tried, the more common first: at equal evidence the earlier wins.
DELIMITERS = (",", "\t", "|", ";", "\x1c", "^")
#: A line longer than this is no line of a text table (seed D1's files have lines of a few hundred bytes).
MAX_LINE_BYTES = 16 << 20
_SAMPLE_BYTES = 256 << 10
#: What Excel may write in front of a list: the line that says its delimiter.
_SEPARATOR_LINE = re.compile(r"sep=([^\r\n])(?:\r\n?|\n)", re.IGNORECASE)
_MARKS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_CHUNK = 4 << 20

#: First bytes of formats that are not text, and what people call them.
_MAGIC = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x7fELF": "a program",
    b"BZh": "a bzip2 file",
}


@dataclass(frozen=True)
class FileScan:
    """What one pass over the bytes shows. `encoding` is a codec name; `bad_utf8` counts undecodable places."""

    encoding: str
    bad_utf8: int


@dataclass(frozen=True)
class Dialect:
    """How to read the file: codec, delimiter and quote character.

    `skip_blanks`: there are blanks between delimiters and quotes, `"a", "b"`; they belong to no value.
    """

    encoding: str
    delimiter: str
    quotechar: str
    strict_encoding: bool
    skip_blanks: bool = False

    def as_json(self) -> dict[str, Any]:
        """For `import_metadata.file_format`."""
        return asdict(self)


def sha256_of(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Checksum (hex) and number of bytes of a stream."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def scan_file(path: Path) -> FileScan:
    """The encoding of a text file, in one pass and constant memory.

    UTF-8 (with or without byte-order mark) is assumed where at least as much of the high bytes decodes as does not;
    else it is Windows-1252, or Latin-1 where the file uses bytes that Windows-1252 leaves undefined.
    Raises FileRejected for empty and binary files and for absurdly long lines.
    """
    size, line_bytes, nulls = 0, 0, 0
    utf8 = _Utf8Probe()
    undefined_1252 = False
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        _refuse_binary(head, path.name)
        chunk = head
        while chunk:
            size += len(chunk)
            if not chunk.isascii():
                undefined_1252 = undefined_1252 or any(byte in chunk for byte in b"\x81\x8d\x8f\x90\x9d")
            utf8.feed(chunk)
            nulls += chunk.count(0)
            newline = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            line_bytes = len(chunk) - newline - 1 if newline >= 0 else line_bytes + len(chunk)
            if line_bytes > MAX_LINE_BYTES:
                raise FileRejected(f"A line is longer than {MAX_LINE_BYTES >> 20} MB: this is not a table of records.")
            chunk = file.read(_CHUNK)
    if not size or not head.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise FileRejected("The file is empty.")
    if encoding := _wide(head):
        return FileScan(encoding, 0)
    if nulls > size // 100 + 10_000:
        raise FileRejected("The file is binary (many NUL bytes), not a table of text.")
    bad = utf8.finish()
    if head.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif bad == 0 or utf8.multibyte >= bad:
        encoding = "utf-8"
    else:
        encoding = "latin-1" if undefined_1252 else "cp1252"
    return FileScan(encoding, bad)


def detect_dialect(path: Path, declared: Format, scan: FileScan) -> Dialect:
    """How to read the file: what the feed declares, the rest from the first records.

    The delimiter is the one that the file's first line names (`sep=;`), or that splits the most sample records into the
    same number (> 1) of fields.
    Raises FileRejected when the declared encoding is no codec.
    """
    encoding = scan.encoding if declared.encoding == "auto" else declared.encoding
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise FileRejected(f"The feed declares encoding {encoding!r}, which is not a known codec.") from None
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    sample = head.decode(encoding, errors="replace")
    named = _SEPARATOR_LINE.match(sample)
    if named and encoding == "utf-16":  # so that it can be read from behind that line
        encoding = "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    if len(sample.encode(encoding, errors="replace")) >= _SAMPLE_BYTES - 8:
        sample = sample[: sample.rfind("\n") + 1] or sample
    found = named[1] if named else _best_delimiter(sample)
    delimiter = declared.delimiter if declared.delimiter != "auto" else found
    skip_blanks = _has_blanks_before_quotes(sample, delimiter)
    return Dialect(encoding, delimiter, '"', strict_encoding=declared.encoding != "auto", skip_blanks=skip_blanks)


def _has_blanks_before_quotes(sample: str, delimiter: str) -> bool:
    """Whether at least half of the lines have a quoted field behind a delimiter and a blank, and none one without."""
    if delimiter.isspace() or f'{delimiter}"' in sample:
        return False
    blank = re.compile(rf'{re.escape(delimiter)} +"(?!")')
    lines = [line for line in sample.splitlines() if line.strip()]
    return 2 * sum(1 for line in lines if blank.search(line)) >= len(lines) > 0


def first_byte(path: Path, dialect: Dialect) -> int:
    """The byte of the first record: behind a byte-order mark and a line that says the delimiter.

    A mark that tells the order of bytes (UTF-16, UTF-32) is its codec's business.
    """
    with path.open("rb") as file:
        head = file.read(64)
    mark = _MARKS.get(dialect.encoding, b"")
    begin = len(mark) if mark and head.startswith(mark) else 0
    encoding = "utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
    line = _SEPARATOR_LINE.match(head[begin:].decode(encoding, errors="replace"))
    if line is None or encoding in ("utf-16", "utf-32"):
        return begin
    return begin + len(line[0].encode(encoding))


def _best_delimiter(sample: str) -> str:
    csv.field_size_limit(2**31 - 1)
    best, best_score = ",", 0.0
    for rank, delimiter in enumerate(DELIMITERS):
        if delimiter not in sample:
            continue
        widths = Counter(
            len(record)
            for record in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 300)
            if record
        )
        width, count = widths.most_common(1)[0]
        if width < 2:
            continue
        score = count / widths.total() + min(width, 50) / 1000 - rank / 10_000
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _refuse_binary(head: bytes, name: str) -> None:
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise FileRejected(f"{name} is {what}, not a text table. Export it as CSV.")
    sample = head[:65536]
    if sample and _wide(head) is None:
        controls = sum(1 for byte in sample if byte < 32 and byte not in b"\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f")
        if controls > len(sample) * 0.05 and controls > 8:
            raise FileRejected(f"{name} is a binary file ({controls * 100 // len(sample)} % control bytes), not text.")


def _wide(head: bytes) -> str | None:
    """UTF-32 by byte-order mark; UTF-16 by byte-order mark, or by every second byte of the sample being NUL."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:4096]
    if len(sample) >= 16:
        if sample[1::2].count(0) > len(sample) * 0.4 and sample[0::2].count(0) < len(sample) * 0.05:
            return "utf-16-le"
        if sample[0::2].count(0) > len(sample) * 0.4 and sample[1::2].count(0) < len(sample) * 0.05:
            return "utf-16-be"
    return None


class _Utf8Probe:
    """Counts places that are not UTF-8, and multi-byte characters that are."""

    def __init__(self) -> None:
        self.bad = 0
        self.multibyte = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        if not self._rest and chunk.isascii():
            return
        data = self._rest + chunk
        # Keep a possibly cut character for the next chunk.
        cut = next((n for n in range(1, min(4, len(data)) + 1) if data[-n] >= 0xC0), 0)
        self._rest = data[len(data) - cut :] if cut else b""
        self._count(data[: len(data) - cut] if cut else data)

    def finish(self) -> int:
        self._count(self._rest)
        self._rest = b""
        return self.bad

    def _count(self, data: bytes) -> None:
        if data.isascii():
            return
        text = data.decode("utf-8", errors="surrogateescape")
        bad = sum(1 for char in text if "\udc80" <= char <= "\udcff") if _has_surrogates(text) else 0
        self.bad += bad
        self.multibyte += len(data) - bad - sum(1 for _ in text) + bad


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
