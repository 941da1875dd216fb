"""A landing file as one list: limits of what is in packed files and in tables, and what becomes of what is beyond."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cm_core.errors import FileRejected
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.pipeline import open_file
from cm_core.imports.reader import Batch
from cm_core.imports.source import open_source
from cm_core.settings import Settings
from tests.unit.imports.formats.test_excel import text, workbook


def _read(folder: Path, name: str, content: bytes, **limits: int) -> tuple[tuple[str, ...], list[Batch]]:
    path = folder / name
    path.write_bytes(content)
    source = open_source(path, name, load_feed("contacts"), Settings(**limits), folder / "work")
    return source.headers, list(source.batches())


def _parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()


def test_a_parquet_file_may_unpack_to_no_more_than_a_file_may_have(tmp_path: Path) -> None:
    """A dictionary with one entry: some kilobytes that stand for eighty million."""
    value = pa.array(["Ann Lee " * 100])
    zeros = pa.Array.from_buffers(pa.int8(), 100_000, [None, pa.py_buffer(bytes(100_000))])
    packed = _parquet(pa.table({"name": pa.DictionaryArray.from_arrays(zeros, value)}))
    assert len(packed) < 100_000
    with pytest.raises(FileRejected, match=r"unpacks to more than .* CM_MAX_FILE_BYTES"):
        _read(tmp_path, "x.parquet", packed, max_file_bytes=40_000_000)
    _, batches = _read(tmp_path, "x.parquet", packed, max_file_bytes=200_000_000)
    assert sum(batch.table.num_rows for batch in batches) == 100_000
    assert max(batch.table.num_rows for batch in batches) <= 20_000


@pytest.mark.parametrize("at", [-20, -40, -60, -80, -120])
def test_damage_in_the_footer_of_a_parquet_file_is_said_in_one_line(tmp_path: Path, at: int) -> None:
    content = bytearray(_parquet(pa.table({"name": ["Ann Lee"], "phone": ["405-232-9701"]})))
    content[at] ^= 0xFF
    reasons: list[str] = []
    try:
        _read(tmp_path, "x.parquet", bytes(content))
    except FileRejected as error:
        reasons.append(str(error))
    assert all(len(reason.splitlines()) == 1 for reason in reasons)


@pytest.mark.parametrize("name", ["x.sql", "x.sqlite", "x.parquet"])
def test_a_field_that_is_too_long_costs_its_row_in_every_format(tmp_path: Path, name: str) -> None:
    rows = [("Ann Lee", "1"), ("x" * 600, "2"), ("Bob Ray", "3"), ("y", "z" * 501), ("é" * 500, "5")]
    if name == "x.sql":
        values = ",".join(f"('{a}','{b}')" for a, b in rows)
        content = f"CREATE TABLE t (name text, phone text); INSERT INTO t VALUES {values};".encode()
    elif name == "x.sqlite":
        connection = sqlite3.connect(tmp_path / "made.db")
        connection.execute("create table t (name text, phone text)")
        connection.executemany("insert into t values (?, ?)", rows)
        connection.commit()
        connection.close()
        content = (tmp_path / "made.db").read_bytes()
    else:
        content = _parquet(pa.table({"name": [a for a, _ in rows], "phone": [b for _, b in rows]}))
    headers, batches = _read(tmp_path, name, content, max_field_chars=500)
    assert headers == ("name", "phone")
    kept = [record for batch in batches for record in batch.table.to_pylist()]
    assert [(record["row_number"], record["c0"]) for record in kept] == [(1, "Ann Lee"), (3, "Bob Ray"), (5, "é" * 500)]
    bad = sorted((row for batch in batches for row in batch.bad), key=lambda row: row.row_number)
    assert [(row.row_number, row.error_type, row.field_name) for row in bad] == [
        (2, "VALIDATION", "name"), (4, "VALIDATION", "phone"),
    ]  # fmt: skip
    assert bad[0].message == "The field has 600 characters, more than 500"
    assert [tuple(json.loads(row.raw).values()) for row in bad] == [rows[1], rows[3]]


def test_what_an_sqlite_file_holds_is_limited_by_the_size_that_files_may_have(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "made.db")
    connection.execute("create table t (name text)")
    connection.execute(
        "create view v as with recursive n(i) as (select 1 union all select i + 1 from n) select i as name from n"
    )
    connection.commit()
    connection.close()
    content = (tmp_path / "made.db").read_bytes()
    with pytest.raises(FileRejected, match="rows without end"):
        _read(tmp_path, "x.sqlite", content, max_file_bytes=2_000_000)


def test_headers_that_repeat_are_known_as_they_stand_in_the_file(tmp_path: Path) -> None:
    names = ["Owner", "Address", "City", "Address", "City"]
    cells = ["Ann Able", "1 Main St", "Tulsa", "5 Oak Ave", "Norman"]
    (tmp_path / "owners.csv").write_text(f"{','.join(names)}\n{','.join(cells)}\n")
    (tmp_path / "owners.xlsx").write_bytes(workbook({"Owners": ["".join(map(text, names)), "".join(map(text, cells))]}))
    for path in (tmp_path / "owners.csv", tmp_path / "owners.xlsx"):
        file = open_file(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / path.suffix)
        assert file.source.headers == ("Owner", "Address", "City", "Address_2", "City_2")
        slots = {use.field: use.headers[0] for use in file.mapping.uses if use.field.endswith("line1")}
        assert slots == {".line1": "Address", "#2.line1": "Address_2"}


def _sheet(*rows: str) -> list[str]:
    return ["".join(text(cell) for cell in row.split(",")) for row in rows]


_PEOPLE = _sheet("Name,Phone", "Ann Able,405-321-1001", "Bob Baker,405-321-1002")


@pytest.mark.parametrize(
    ("sheets", "hidden", "people", "passed_over"),
    [
        ({"Owners": _PEOPLE, "Empty": _sheet("Name,Phone")}, (), "Owners", ()),
        ({"Read me": _sheet("Please send it back", "by Friday"), "Owners": _PEOPLE}, (), "Owners", ("Read me",)),
        ({"Summary": _sheet("County,Owners", "Caddo,12", "Blaine,4"), "List": _PEOPLE}, (), "List", ("Summary",)),
        ({"Old": _PEOPLE, "New": _PEOPLE}, ("Old",), "New", ("Old",)),
    ],
)
def test_of_several_sheets_the_list_is_chosen_and_the_others_are_named(
    tmp_path: Path, sheets: dict[str, list[str]], hidden: tuple[str, ...], people: str, passed_over: tuple[str, ...]
) -> None:
    path = tmp_path / "owners.xlsx"
    path.write_bytes(workbook(sheets, hidden=hidden))
    source = open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    assert source.form["from"] == f"table {people}"
    assert len(source.warnings) == len(passed_over)
    assert all(f"{name!r}" in said for name, said in zip(passed_over, source.warnings, strict=True))


def test_two_sheets_of_people_or_none_are_refused_by_name(tmp_path: Path) -> None:
    for sheets, says in (
        (
            {"OK": _PEOPLE, "TX": _PEOPLE},
            r"2 sheets .* are lists: 'OK' \(2 rows\), 'TX' \(2 rows\).*`table`",
        ),
        ({"A": _sheet("Well", "1"), "B": _sheet("Depth", "2")}, "No sheet .* usable column.*'A': Well; 'B': Depth"),
    ):
        path = tmp_path / f"{len(says)}.xlsx"
        path.write_bytes(workbook(sheets))
        with pytest.raises(FileRejected, match=says):
            open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / path.stem)


_ROWS = ["Name,Phone,Note", "Ann Able,405-321-1001,x", 'Bob Baker,405-321-1002,"two\nlines"']


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ([], None), (["", ",,"], None), (["Owner List - March"], "Owner List - March"), (["Owners,,", ",,"], "Owners"),
        (["Owners"], "Owners"), (['"Owners\nof March"', "as of,"], "Owners\\nof March / as of"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_stands_above_the_header_is_no_row_and_is_said(
    tmp_path: Path, above: list[str], said: str | None, encoding: str
) -> None:
    path = tmp_path / "owners.csv"
    path.write_text("\n".join([*above, *_ROWS, ""]), encoding=encoding)
    source = open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    assert source.headers == ("Name", "Phone", "Note")
    rows = [row for batch in source.batches() for row in batch.table.to_pylist()]
    assert [(row["row_number"], row["c0"], row["c2"]) for row in rows] == [
        (1, "Ann Able", "x"),
        (2, "Bob Baker", "two\nlines"),
    ]
    assert source.warnings == (() if said is None else (f"What stands above the header is in no row: '{said}'",))


def test_a_title_above_the_header_of_a_sheet_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "owners.xlsx"
    sheet = [text("Owners"), "<row></row>", *_PEOPLE]
    path.write_bytes(workbook({"Totals": _sheet("Owners", "12"), "List": sheet}))
    source = open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    assert source.headers == ("Name", "Phone")
    rows = [row for batch in source.batches() for row in batch.table.to_pylist()]
    assert [(row["row_number"], row["c0"]) for row in rows] == [(1, "Ann Able"), (2, "Bob Baker")]
    assert source.warnings[-1] == "What stands above the header is in no row: 'Owners'"


def test_columns_that_the_feed_declares_are_a_header(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    feed = load_feed("contacts").model_copy(update={"mapping": {"full_name": ("WHO",), "identifier.acct": ("ACCT",)}})
    for lines, title in (([], False), (["Roll of Caddo"], True)):
        path.write_text("\n".join([*lines, "ACCT,WHO,LEGAL", "Name,Phone,x", ""]))
        source = open_source(path, path.name, feed, Settings(home=tmp_path), tmp_path / "work")
        assert source.headers == ("ACCT", "WHO", "LEGAL")
        assert bool(source.warnings) is title


@pytest.mark.parametrize("lines", [["Operator,Well,Depth", "Ann Able,W1,10"], ["Operator,405-321-1001,x"]])
def test_a_second_list_below_the_first_is_refused(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "owners.csv"
    path.write_text("\n".join([*lines, "Name,Phone,City", "Bob Baker,405-321-1002,Tulsa", ""]))
    with pytest.raises(
        FileRejected, match=rf"header seems to stand in line {len(lines) + 1} .*'Name', 'Phone', 'City'"
    ):
        open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")


@pytest.mark.parametrize("name", ["owners.csv", "owners.xlsx"])
def test_a_header_that_is_there_again_is_no_person(tmp_path: Path, name: str) -> None:
    lines = ["Name,Phone,", "Ann Able,405-321-1001,x", "Name, Phone,", "Name,405-321-1002,y"]
    book = workbook({"S": _sheet(*lines)})
    (tmp_path / name).write_bytes("\n".join(lines).encode() if name.endswith("csv") else book)
    source = open_source(tmp_path / name, name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    batches = list(source.batches())
    assert [row["row_number"] for batch in batches for row in batch.table.to_pylist()] == [1, 3]
    (bad,) = (row for batch in batches for row in batch.bad)
    assert (bad.row_number, bad.error_type, bad.message) == (2, "VALIDATION", "The row repeats the header")
    assert json.loads(bad.raw)["Name"] == "Name"


_LIST = "First Name;Last Name\nAnn;Able\nBob;Baker\n"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (f"sep=;\n{_LIST}".encode(), [("Ann", "Able"), ("Bob", "Baker")]),
        (f"\ufeffsep=;\r\n{_LIST}".encode(), [("Ann", "Able"), ("Bob", "Baker")]),
        (f"sep=,\n{_LIST.replace(';', ',')}".encode("utf-16"), [("Ann", "Able"), ("Bob", "Baker")]),
        (f"\ufeffSEP=\t\n{_LIST.replace(';', chr(9))}".encode("utf-16-be"), [("Ann", "Able"), ("Bob", "Baker")]),
        (_LIST.encode("utf-32"), [("Ann", "Able"), ("Bob", "Baker")]),
        (
            b'"First Name", "Last Name"\n"Ann", "Able, Jr"\n"Bob", "two\nlines"\n',
            [("Ann", "Able, Jr"), ("Bob", "two\nlines")],
        ),
        (b'First Name,Last Name\nAnn,"Able, ""Jr"""\nBob,Baker\n', [("Ann", 'Able, "Jr"'), ("Bob", "Baker")]),
        (b"Owner\nSmith, John\nXYZ Oil LLC\n", [("Smith, John",), ("XYZ Oil LLC",)]),
        (b"Owner\nXYZ Oil LLC\nACME Inc\nSmith, John, Jr\n", [("XYZ Oil LLC",), ("ACME Inc",), ("Smith, John, Jr",)]),
    ],
)
def test_texts_as_programs_write_them(tmp_path: Path, content: bytes, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(content)
    source = open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    batches = list(source.batches())
    assert not [row for batch in batches for row in batch.bad]
    assert [tuple(row.values())[1:] for batch in batches for row in batch.table.to_pylist()] == rows
    assert source.headers == (("Owner",) if len(rows[0]) == 1 else ("First Name", "Last Name"))


def test_rows_that_are_wider_than_their_header_are_no_single_column(tmp_path: Path) -> None:
    path = tmp_path / "owners.csv"
    path.write_text("Owner\nAnn Able,405-321-1001\nBob Baker,405-321-1002\n")
    source = open_source(path, path.name, load_feed("contacts"), Settings(home=tmp_path), tmp_path / "work")
    assert [row.error_type for batch in source.batches() for row in batch.bad] == ["WIDTH", "WIDTH"]
