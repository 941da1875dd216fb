"""Case n of a fuzz test: a sound file, changed by chance. The same seed and number give the same file.

Each mutation is a function `(chance, content) -> content`; which family of files it is for, `MUTATIONS` says.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from tests.integration.fuzz.hostile_files import HOSTILE
from tests.integration.fuzz.seeds import Seed, seeds, zipped

Mutation = Callable[[random.Random, bytes], bytes]

_NAMES = (
    "x.csv", "x.sql", "x.xlsx", "x.xls", "x.db", "x.gz", "x.zip", "x.zst", "x.parquet", "x", "x.sql.gz", "x.txt",
    "opt_outs.csv", "dnc.txt", "touchpoints.csv", "campaigns.csv", "voter_ny.csv", "sakila.sql",
)  # fmt: skip
_SQL_WORDS = (
    b"'", b'"', b"`", b"\\", b"\\'", b"''", b";", b"(", b")", b",", b"--", b"-- \n", b"#", b"/*", b"*/", b"/*!50003 ",
    b"/*!99999999 ", b"NULL", b"DEFAULT", b"0x", b"0x1", b"X'0'", b"b'1'", b"_binary ", b"_utf8 ", b"N'x'",
    b"DELIMITER",
    b"\nDELIMITER $$\n", b"\nDELIMITER ;\n", b"VALUES", b"INSERT INTO t VALUES", b"INSERT INTO `owners` VALUES (1);",
    b"REPLACE INTO", b"CREATE TABLE `x` (a int);", b"DROP TABLE `owners`;", b"SET NAMES gbk;", b"SET NAMES latin1;",
    b"SET sql_mode='ANSI_QUOTES';", b"SET sql_mode='NO_BACKSLASH_ESCAPES';", b"USE `x`;", b"COPY x FROM stdin;\n",
    b"\\.\n", b"\x00", b"\x1a", b"\xff", b"\r", b"\n", b"ON DUPLICATE KEY UPDATE a=1", b"SELECT 1", b"1e999",
    b"-", b".",
)  # fmt: skip
_TEXT_WORDS = (
    b'"', b'""', b'"""', b",", b";", b"\t", b"|", b"\x1c", b"^", b"\n", b"\r", b"\r\n", b"\x00", b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe", b"\xe2\x80\xa8", b"\xc3", b"\xed\xa0\x80", b"\x1a", b"\x85", b"\x0b\x0c", b"'", b"\\",
    b"\\\"", b"=cmd()",
    b"\xf0\x9f\x98\x80", b"\xcc\x81" * 40, b"9" * 400, b"1e308", b"-1", b"NaN", b"9999-99-99", b"0000-00-00",
    b"\xe2\x80\x8f",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A file to be imported, and how it came about, for whoever has to find out what is wrong."""

    number: int
    name: str
    content: bytes
    made_by: str


def case(seed: int, number: int) -> Case:
    """Case `number`, counted from 0. One in eight is a hostile file; the others are mutated seeds."""
    chance = random.Random(f"{seed}-{number}")
    if number % 8 == 3:
        kind = list(HOSTILE)[number // 8 % len(HOSTILE)]
        name, content = HOSTILE[kind](chance)
        return Case(number, name, content, kind)
    known = seeds()
    chosen = known[number % len(known)] if number < 2 * len(known) else chance.choice(known)
    content, steps = chosen.content, [chosen.name]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        mutation = chance.choice(MUTATIONS[chosen.family])
        content = mutation(chance, content)
        steps.append(mutation.__name__.strip("_"))
    name = chosen.name
    if chance.random() < 0.25:
        content, name, step = _packed(chance, content, chosen)
        steps.append(step)
    if chance.random() < 0.15:
        name = chance.choice(_NAMES)
        steps.append(f"called {name}")
    return Case(number, name, content, ", ".join(steps))


# --- Bytes


def _at(chance: random.Random, content: bytes) -> int:
    return chance.randrange(len(content) + 1)


def _truncate(chance: random.Random, content: bytes) -> bytes:
    return content[: _at(chance, content)]


def _lose_the_start(chance: random.Random, content: bytes) -> bytes:
    return content[_at(chance, content) :]


def _flip_bits(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 20, 200)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(chance: random.Random, content: bytes) -> bytes:
    at, size = _at(chance, content), chance.choice((1, 8, 100, 2000))
    return content[:at] + chance.randbytes(size) + content[at + size :]


def _insert_noise(chance: random.Random, content: bytes) -> bytes:
    at = _at(chance, content)
    return content[:at] + chance.randbytes(chance.choice((1, 5, 300))) + content[at:]


def _delete(chance: random.Random, content: bytes) -> bytes:
    at = _at(chance, content)
    return content[:at] + content[at + chance.choice((1, 10, 500)) :]


def _repeat(chance: random.Random, content: bytes) -> bytes:
    at, size = _at(chance, content), chance.choice((20, 1000))
    return content[: at + size] + content[at : at + size] * chance.randrange(1, 30) + content[at + size :]


def _shuffle_blocks(chance: random.Random, content: bytes) -> bytes:
    size = chance.choice((64, 512, 4096))
    blocks = [content[at : at + size] for at in range(0, len(content), size)]
    chance.shuffle(blocks)
    return b"".join(blocks)


def _zero(chance: random.Random, content: bytes) -> bytes:
    at, size = _at(chance, content), chance.choice((4, 512, 100_000))
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


def _splice(chance: random.Random, content: bytes) -> bytes:
    other = chance.choice(seeds()).content
    return content[: _at(chance, content)] + other[_at(chance, other) :]


_BYTES: tuple[Mutation, ...] = (
    _truncate, _lose_the_start, _flip_bits, _overwrite, _insert_noise, _delete, _repeat, _shuffle_blocks,
    _zero, _splice,
)  # fmt: skip

# --- Text


def _put_words(words: tuple[bytes, ...]) -> Mutation:
    def put(chance: random.Random, content: bytes) -> bytes:
        for _ in range(chance.choice((1, 2, 10, 60))):
            at = _at(chance, content)
            content = content[:at] + chance.choice(words) + content[at:]
        return content

    return put


_put_text = _put_words(_TEXT_WORDS)
_put_sql = _put_words(_SQL_WORDS)


def _unbalance_quotes(chance: random.Random, content: bytes) -> bytes:
    quotes = [at for at, byte in enumerate(content) if byte in b"\"'"]
    if not quotes:
        return _put_text(chance, content)
    at = chance.choice(quotes)
    return content[:at] + content[at + 1 :]


def _change_encoding(chance: random.Random, content: bytes) -> bytes:
    """The second half in another encoding than the first."""
    at = _at(chance, content)
    text = content[at:].decode("utf-8", "replace")
    codec = chance.choice(("utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "utf-32", "cp037", "utf-7"))
    return content[:at] + text.encode(codec, "replace")


def _huge_field(chance: random.Random, content: bytes) -> bytes:
    at, size = _at(chance, content), chance.choice((70_000, 1_000_000, 5_000_000))
    return content[:at] + chance.choice((b"x", b"x ", b'""', b"a,", b"\xc3\xa9", b"5")) * size + content[at:]


def _change_delimiter(chance: random.Random, content: bytes) -> bytes:
    return content.replace(
        chance.choice((b",", b"\n", b"|", b"\t")), chance.choice((b";", b"\r", b"", b"^", b"\x1c", b"\n\n"))
    )


def _mix_lines(chance: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _widen(chance: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        at = chance.choice((0, chance.randrange(len(lines))))
        lines[at] = lines[at].rstrip(b"\r\n") + b",x" * chance.choice((1, 300, 5_000)) + b"\n"
    return b"".join(lines)


def _same_headers(chance: random.Random, content: bytes) -> bytes:
    head, _, rest = content.partition(b"\n")
    names = head.split(b",")
    return b",".join([chance.choice(names) for _ in names]) + b"\n" + rest


_TEXT: tuple[Mutation, ...] = (
    _put_text, _put_text, _unbalance_quotes, _change_encoding, _huge_field, _change_delimiter, _mix_lines, _widen,
    _same_headers,
)  # fmt: skip

# --- Dumps


def _cut_in(mark: bytes) -> Mutation:
    def cut(chance: random.Random, content: bytes) -> bytes:
        places = [at for at in range(len(content)) if content.startswith(mark, at)]
        return content[: chance.choice(places) + len(mark) + chance.randrange(8)] if places else content

    return cut


_cut_in_a_string = _cut_in(b"'")
_cut_in_a_comment = _cut_in(b"/*")


def _swap_tokens(chance: random.Random, content: bytes) -> bytes:
    pieces = content.split(b",")
    for _ in range(chance.choice((1, 5, 50))):
        a, b = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        pieces[a], pieces[b] = pieces[b], pieces[a]
    return b",".join(pieces)


_SQL: tuple[Mutation, ...] = (
    _put_sql, _put_sql, _put_sql, _cut_in_a_string, _cut_in_a_comment, _swap_tokens, _unbalance_quotes, _huge_field,
    _change_encoding, _mix_lines,
)  # fmt: skip

# --- Workbooks, databases, columns


def _inside_the_zip(chance: random.Random, content: bytes) -> bytes:
    """Damage within a part of the workbook, behind a sound zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # noqa: BLE001 - damaged by an earlier mutation: then it stays as it is
        return content
    name = chance.choice(list(parts))
    parts[name] = chance.choice((*_BYTES, _put_xml, _put_xml, _put_xml))(chance, parts[name])
    if chance.random() < 0.1:
        del parts[chance.choice(list(parts))]
    return zipped(parts)


_put_xml = _put_words(
    (
        b"<", b">", b"&", b"&amp;", b"&x;", b"&#0;", b"&#x110000;", b"<c r=\"XFD1048576\"><v>1</v></c>",
        b"<row r=\"1048576\"/>", b"<c r=\"A0\"/>", b"<c r=\"ZZZZ99999999999\"/>", b" t=\"s\"",
        b"<v>99999999</v>", b"<v>-1</v>",
        b"<v>1e999</v>", b"<v>NaN</v>", b"<c t=\"d\"><v>x</v></c>", b"<c t=\"b\"><v>7</v></c>",
        b"<c s=\"2\"><v>1e15</v></c>",
        b"</sheetData>", b"<sheetData>", b"<![CDATA[", b"]]>", b"<!--", b"<dimension ref=\"A1:XFD1048576\"/>", b"\x00",
        b"<mergeCell ref=\"A1:XFD1048576\"/>", b"<f>1+1</f>", b"xml:space=\"x\"", b"<?x ?>", b"\xff\xfe",
    )
)  # fmt: skip
_put_xml.__name__ = "put_xml"


def _numbers_in_headers(chance: random.Random, content: bytes) -> bytes:
    """Page sizes, counts, offsets and lengths of a binary format: great, small, negative."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 4))):
        at = chance.randrange(max(len(changed) - 8, 1)) if chance.random() < 0.5 else chance.randrange(120)
        value = chance.choice((0, 1, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 65_536, 1_000_000))
        changed[at : at + 4] = struct.pack(chance.choice(("<I", ">I")), value)
    return bytes(changed)


MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "text": (*_BYTES, *_TEXT, *_TEXT),
    "sql": (*_BYTES, *_SQL, *_SQL),
    "workbook": (*_BYTES, _numbers_in_headers, *[_inside_the_zip] * 15),
    "sqlite": (*_BYTES, *[_numbers_in_headers] * 8, _put_sql),
    "parquet": (*_BYTES, *[_numbers_in_headers] * 8),
}

# --- Archives


def _packed(chance: random.Random, content: bytes, seed: Seed) -> tuple[bytes, str, str]:
    """The file in an archive, which may be damaged in its turn."""
    kind = chance.choice(("gz", "zst", "zip", "several", "nested"))
    if kind == "gz":
        packed = gzip.compress(content, mtime=0)
    elif kind == "zst":
        packed = pa.compress(content, "zstd", asbytes=True)
    elif kind == "zip":
        packed = zipped(
            {seed.name: content}, chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2))
        )
    elif kind == "several":
        packed = zipped(
            {seed.name: content, "a/other.csv": chance.choice(seeds()).content, "../x.csv": b"Name\nAnn Lee\n"}
        )
    else:
        packed = zipped({"inner.zip": zipped({seed.name: content})})
    if chance.random() < 0.4:
        packed = chance.choice(_BYTES)(chance, packed)
        kind += ", damaged"
    suffix = {"gz": ".gz", "zst": ".zst"}.get(kind.partition(",")[0], ".zip")
    return packed, seed.name + suffix, kind
