"""Files made to hurt: bombs, endless views, lines without end, entities that name themselves. Each is small on disk
or at least quickly made; what they stand for is in their names.
"""

from __future__ import annotations

import gzip
import io
import random
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.fuzz.seeds import excel_file, lists, mysqldump, zipped

#: Makes a file's name and content.
Make = Callable[[random.Random], tuple[str, bytes]]

_ROW = b"Ann Lee,405-232-9701,ann@example.org,73070\n"
_HEAD = b"Name,Phone,Email,Zip\n"

# --- Archives


def _deflated_zeros(size: int, *, raw: bool) -> bytes:
    """`size` zero bytes, deflated, without `size` bytes ever being in memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15 if raw else 31)
    chunk = bytes(1 << 20)
    return b"".join([*(packer.compress(chunk) for _ in range(size >> 20)), packer.flush()])


def zip_bomb(chance: random.Random) -> tuple[str, bytes]:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("owners.csv", "w") as member:
        for _ in range(chance.randrange(80, 300)):
            member.write(bytes(1 << 20))
    return "owners.zip", target.getvalue()


def gzip_bomb(chance: random.Random) -> tuple[str, bytes]:
    return chance.choice(("owners.csv.gz", "dump.sql.gz")), _deflated_zeros(chance.randrange(80, 300) << 20, raw=False)


def zstd_bomb(chance: random.Random) -> tuple[str, bytes]:
    return "owners.csv.zst", pa.compress(bytes(chance.randrange(80, 150) << 20), "zstd", asbytes=True)


def bomb_in_a_bomb(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv.gz", gzip.compress(_deflated_zeros(100 << 20, raw=False), mtime=0)


def nested_zips(chance: random.Random) -> tuple[str, bytes]:
    content = _HEAD + _ROW
    for depth in range(chance.randrange(2, 30)):
        content = zipped({f"{depth}.zip" if depth else "owners.csv": content})
    return "owners.zip", content


def members_that_overlap(chance: random.Random) -> tuple[str, bytes]:
    """A thousand entries of the directory, all of the same 100 MB of zeros."""
    data = _deflated_zeros(100 << 20, raw=True)
    name, size, checksum = b"owners.csv", 100 << 20, chance.getrandbits(32)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, checksum, len(data), size, len(name), 0) + name
    entries = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, checksum, len(data), size, 8, 0, 0, 0, 0, 0, 0)
        + b"%04d.csv" % number
        for number in range(1000)
    )
    start = len(local) + len(data)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entries), start, 0)
    return "owners.zip", local + data + entries + end


def many_members(_: random.Random) -> tuple[str, bytes]:
    return "owners.zip", zipped({f"{number}.csv": b"" for number in range(10_001)}, zipfile.ZIP_STORED)


def odd_members(_: random.Random) -> tuple[str, bytes]:
    names = ("../../../etc/cron.d/x.csv", "/etc/x.csv", "C:\\x.csv", "a\x00b.csv", "x" * 300 + ".csv", "é/😀.csv")
    return "owners.zip", zipped({name: _HEAD + _ROW + name.encode() + b",,,\n" for name in names})


def a_password(_: random.Random) -> tuple[str, bytes]:
    content = bytearray(zipped({"owners.csv": _HEAD + _ROW}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return "owners.zip", bytes(content)


# --- Text


def a_line_of_16_mb(chance: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + _ROW + b"x" * ((16 << 20) + chance.choice((-100, 5 << 20))) + b",,,\n" + _ROW


def long_lines_and_an_open_quote(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b'"' + (b"x" * (10 << 20) + b",1,,\n") * 6 + _ROW


def a_field_over_many_lines(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b'"Ann\n' + b"Lee\n" * 100_000 + b'",405-232-9701,,\n' + _ROW * 3


def a_hundred_thousand_columns(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", b",".join(b"phone_%d" % n for n in range(100_000)) + b"\n" + b"," * 99_999 + b"\n"


def thousands_of_phones(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", b"name" + b",phone" * 3_000 + b"\nAnn Lee" + b",405-232-9701" * 3_000 + b"\n"


def nothing_but_quotes(chance: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b'"' * chance.choice((1_000_001, 1_000_000)) + b"\n" + _ROW


def nothing_but_delimiters(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b"," * 1_000_000 + b"\n" + b",,,\n" * 50_000


def blank_lines(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b"\n" * 1_000_000 + _ROW


def rows_that_are_all_bad(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b"x\n" * 60_000 + b'"\n' * 5_000


def one_cell_of_many_phones(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b'Ann Lee,"' + b"405-232-9701; " * 20_000 + b'",,\n'


def one_name_of_many_words(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", _HEAD + b"Ann & " * 20_000 + b"Lee,405-232-9701,,\n" + b"Lee, " * 3 + b"\n"


def half_a_character(chance: random.Random) -> tuple[str, bytes]:
    text = lists()["mineral_owners.csv"].decode()
    return "owners.csv", text.encode(chance.choice(("utf-16", "utf-32")))[: chance.choice((-1, -3, 3, 5))]


def lone_surrogates(_: random.Random) -> tuple[str, bytes]:
    return "owners.csv", "Name,Phone\n".encode("utf-16") + b"\x00\xd8" * 2_000 + ",1\n".encode("utf-16-le")


def marks_and_nothing_else(chance: random.Random) -> tuple[str, bytes]:
    return "owners.csv", chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\n", b'"', b",", b"\xff"))


# --- Dumps


def a_statement_of_20_mb(_: random.Random) -> tuple[str, bytes]:
    row = b"('Ann','Lee','405-232-9701','" + b"x" * 200 + b"')"
    return "dump.sql", (
        b"CREATE TABLE p (first_name text, last_name text, phone text, note text);\nINSERT INTO p VALUES "
        + b",".join([row] * 80_000)
        + b";\n"
    )


def a_row_of_70_mb(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", (
        b"INSERT INTO p (first_name, phone, note) VALUES ('Ann','405-232-9701','" + b"x" * (70 << 20)
        + b"'),('Bob','405-232-9702','y');\n"
    )  # fmt: skip


def a_string_without_end(chance: random.Random) -> tuple[str, bytes]:
    quote = chance.choice((b"'", b'"', b"`", b"/*", b"/*!50003 "))
    return "dump.sql", mysqldump()[:-2_000] + b"\nINSERT INTO p VALUES (" + quote + b"x''\\' " * 1_000_000


def parentheses_without_end(_: random.Random) -> tuple[str, bytes]:
    return (
        "dump.sql",
        b"INSERT INTO p VALUES (1)," + b"(" * 1_000_000 + b")" * 500_000 + b";CREATE TABLE x " + b"(" * 500_000,
    )


def many_tables(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", b"".join(b"CREATE TABLE t%d (a int);\n" % n for n in range(10_001))


def many_columns(_: random.Random) -> tuple[str, bytes]:
    names = b",".join(b"c%d int" % n for n in range(20_000))
    return "dump.sql", b"CREATE TABLE t (" + names + b");\n"


def many_values(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", b"INSERT INTO t VALUES (" + b"1," * 16_000 + b"1);\n"


def rows_of_functions(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", b"INSERT INTO t (name, phone) VALUES " + b",".join([b"(now(), sleep(9))"] * 30_000) + b";\n"


def delimiters_without_end(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", b"CREATE TABLE t (a int);\n" + b"DELIMITER ;;\nDELIMITER ;\n" * 20_000 + b";" * 300_000


def a_number_of_a_million_digits(_: random.Random) -> tuple[str, bytes]:
    return "dump.sql", (
        b"CREATE TABLE t (name text, phone bigint, b bit(64));\nINSERT INTO t VALUES ('Ann Lee', 0x" + b"F" * 1_000_000
        + b", b'" + b"1" * 1_000_000 + b"'), ('Bob Lee', " + b"9" * 1_000_000 + b", 1);\n"
    )  # fmt: skip


# --- Databases


def _database(*statements: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        connection = sqlite3.connect(path)
        connection.execute("create table owners (name text, phone text)")
        connection.execute("insert into owners values ('Ann Lee', '405-232-9701')")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path.read_bytes()


_NUMBERS = "with recursive c(x) as (select 1 union all select x + 1 from c)"


def rows_without_end(_: random.Random) -> tuple[str, bytes]:
    return "x.sqlite", _database(f"create view v as {_NUMBERS} select x, hex(zeroblob(900000)) as name from c")


def a_sort_without_end(_: random.Random) -> tuple[str, bytes]:
    return "x.sqlite", _database(
        f"create view v as {_NUMBERS} select hex(randomblob(100000)) as name from c order by 1"
    )


def values_of_a_gigabyte(_: random.Random) -> tuple[str, bytes]:
    return "x.sqlite", _database("create view v as select hex(zeroblob(400000000)) as name, zeroblob(1000000000) as b")


def a_view_of_itself(_: random.Random) -> tuple[str, bytes]:
    return "x.sqlite", _database("create view a as select * from b", "create view b as select * from a")


def a_schema_that_calls(_: random.Random) -> tuple[str, bytes]:
    return "x.sqlite", _database(
        "create view v as select load_extension('/tmp/x.so') as name",
        "create view w as select readfile('/etc/passwd') as name",
        "create table t (a, name as (a || 'x') stored, check (a <> 'y'))",
        "create virtual table f using fts5 (name)",
        "create table wide (" + ", ".join(f"c{n}" for n in range(1_900)) + ")",
    )


# --- Workbooks


def _with(replacing: str, old: bytes, new: bytes) -> bytes:
    """The sound workbook with a piece of one part replaced."""
    with zipfile.ZipFile(io.BytesIO(excel_file())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[replacing]
    return zipped({**parts, replacing: parts[replacing].replace(old, new, 1)})


_SHEET = "xl/worksheets/sheet2.xml"


def entities_that_name_themselves(chance: random.Random) -> tuple[str, bytes]:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    kinds = chance.choice(
        (
            f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]>',
            '<!DOCTYPE x [<!ENTITY e11 SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;"><!ENTITY e11 "&a;">]>',
        )
    )
    changed = _with(_SHEET, b"<worksheet", kinds.encode() + b"<worksheet")
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[_SHEET] = parts[_SHEET].replace(b'preserve">', b'preserve">&e11;')
    return "owners.xlsx", zipped(parts)


def one_string_a_million_times(_: random.Random) -> tuple[str, bytes]:
    """Each cell is the same shared text of 30,000 characters: some hundred kilobytes that would fill 30 GB."""
    with zipfile.ZipFile(io.BytesIO(excel_file())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    main = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rows = b"".join(b'<row r="%d">' % n + b'<c t="s"><v>0</v></c>' * 100 + b"</row>" for n in range(1, 10_001))
    parts[_SHEET] = b"<worksheet " + main + b"><sheetData>" + rows + b"</sheetData></worksheet>"
    parts["xl/sharedStrings.xml"] = b"<sst " + main + b' count="1"><si><t>' + b"Ann Lee " * 3_750 + b"</t></si></sst>"
    links = "xl/_rels/workbook.xml.rels"
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = b'<Relationship Id="rId77" Type="' + kind + b'" Target="sharedStrings.xml"/></Relationships>'
    parts[links] = parts[links].replace(b"</Relationships>", link)
    return "owners.xlsx", zipped(parts)


def cells_at_the_far_end(chance: random.Random) -> tuple[str, bytes]:
    place = chance.choice((b"XFD1048576", b"ZZZZZZZ99999999999", b"A4294967295", b"A0", b"1", b""))
    return "owners.xlsx", _with(_SHEET, b"</sheetData>", b'<row><c r="' + place + b'"><v>1</v></c></row></sheetData>')


def spaces_for_a_sheet(chance: random.Random) -> tuple[str, bytes]:
    size = chance.randrange(50, 200) << 20
    where = chance.choice((b"</sheetData>", b"<sheetData>", b"<c"))
    return "owners.xlsx", _with(_SHEET, where, b" " * size + where)


def tags_in_tags(_: random.Random) -> tuple[str, bytes]:
    return "owners.xlsx", _with(_SHEET, b"<is>", b"<is>" + b"<r>" * 300_000)


def many_sheets(_: random.Random) -> tuple[str, bytes]:
    more = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId2"/>' % (n, n) for n in range(3, 3_000))
    return "owners.xlsx", _with("xl/workbook.xml", b"</sheets>", more + b"</sheets>")


def an_old_workbook(chance: random.Random) -> tuple[str, bytes]:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6)
    rest = b"".join(struct.pack("<I", chance.choice((0, 1, 2, 0xFFFFFFFE, 0xFFFFFFFF, 7))) for _ in range(2_000))
    return "owners.xls", head + rest


# --- Columns


def the_same_row_a_hundred_million_times(chance: random.Random) -> tuple[str, bytes]:
    """A dictionary with one entry and runs of it: a few kilobytes that stand for 100 GB."""
    target = io.BytesIO()
    value = pa.array(["Ann Lee " * 100])
    column = pa.DictionaryArray.from_arrays(_zeros(4 << 20), value)
    part = pa.table({"name": column})
    with pq.ParquetWriter(target, part.schema, compression="zstd") as writer:
        for _ in range(chance.choice((4, 24))):
            writer.write_table(part)
    return "owners.parquet", target.getvalue()


def _zeros(count: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int8(), count, [None, pa.py_buffer(bytes(count))])


HOSTILE: dict[str, Make] = {
    make.__name__.replace("_", " "): make
    for make in (
        zip_bomb, entities_that_name_themselves, a_line_of_16_mb, a_string_without_end, rows_without_end, gzip_bomb,
        one_string_a_million_times, long_lines_and_an_open_quote, a_statement_of_20_mb, a_sort_without_end, nested_zips,
        the_same_row_a_hundred_million_times, nothing_but_quotes, parentheses_without_end, values_of_a_gigabyte,
        zstd_bomb, cells_at_the_far_end, a_field_over_many_lines, a_row_of_70_mb, a_view_of_itself, bomb_in_a_bomb,
        spaces_for_a_sheet, a_hundred_thousand_columns, many_tables, a_schema_that_calls, members_that_overlap,
        tags_in_tags, nothing_but_delimiters, many_columns, many_members, many_sheets, blank_lines, many_values,
        odd_members, an_old_workbook, rows_that_are_all_bad, rows_of_functions, a_password, one_cell_of_many_phones,
        delimiters_without_end, one_name_of_many_words, a_number_of_a_million_digits, half_a_character,
        lone_surrogates, marks_and_nothing_else, thousands_of_phones,
    )
}  # fmt: skip
