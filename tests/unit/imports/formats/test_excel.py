"""Workbooks: cells as people see them, which sheet is meant, and what would be too much or too broken to read."""

from __future__ import annotations

import datetime as dt
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports.formats import excel
from cm_core.imports.formats.excel import Cell, choose_sheet, read_workbook, text_of_cell
from tests.forms import in_two_forms

from .conftest import Found

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_WORKSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
#: Styles 1 to 4: a date, a date with a time, a time, a duration.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts><cellXfs>'
    + "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in (0, 14, 22, 21, 164))
    + "</cellXfs></styleSheet>"
)

Sheets = dict[str, list[str]]


def workbook(sheets: Sheets, *, hidden: tuple[str, ...] = (), extra: dict[str, str] | None = None) -> bytes:
    """A workbook whose sheets are given as the cells of each row in XML."""
    names = list(sheets)
    states = dict.fromkeys(hidden, 'state="hidden" ')
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" {states.get(name, "")}r:id="rId{n}"/>' for n, name in enumerate(names, 1)
    )
    linked = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINKS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_WORKSHEET}"/>'
        for n in range(1, len(names) + 1)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_WORKBOOK}"/>{parts}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{linked}'
        f'<Relationship Id="rId99" Type="{_LINKS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
    for n, rows in enumerate(sheets.values(), start=1):
        body = "".join(row if row.startswith("<row") else f"<row>{row}</row>" for row in rows)
        files[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (files | (extra or {})).items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return target.getvalue()


def text(value: str, place: str = "") -> str:
    return f'<c{_at(place)} t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def number(value: str, style: int = 0, place: str = "") -> str:
    return f'<c{_at(place)} s="{style}"><v>{value}</v></c>'


def _at(place: str) -> str:
    return f' r="{place}"' if place else ""


ReadBook = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> ReadBook:
    """`read(workbook({…}))`: its table set."""

    def run(content: bytes, **options: int) -> Found:
        (tmp_path / "book.xlsx").write_bytes(content)
        return Found(read_workbook(tmp_path / "book.xlsx", Path(tempfile.mkdtemp(dir=tmp_path)), **options))  # type: ignore[arg-type]

    return run


def test_cells_are_text_as_people_see_them(read: ReadBook) -> None:
    found = read(
        workbook(
            {
                "S": [
                    text("a") + text("b") + text("c") + text("d"),
                    number("74103") + number("1.50") + number("-3") + number("0.1"),
                    number("45351", 1)
                    + number("45351.5210069444", 2)
                    + number("0.520833333333333", 3)
                    + number("1.08333333333333", 4),
                    '<c t="b"><v>1</v></c><c t="b"><v>0</v></c>' + text("00501") + text(" x\ny é😀 &amp; "),
                    '<c t="str"><f>A1&amp;B1</f><v>ab</v></c><c t="e"><v>#N/A</v></c><c/>' + text(""),
                    number("4055551234") + number("1E+20") + number("1E-7") + number("0"),
                ]
            }
        )
    )
    assert found.columns() == ("a", "b", "c", "d")
    assert found.rows() == [
        ("74103", "1.5", "-3", "0.1"),
        ("2024-02-29", "2024-02-29 12:30:15", "12:30:00", "26:00:00"),
        ("TRUE", "FALSE", "00501", " x\ny é😀 & "),
        ("ab", None, None, None),
        ("4055551234", "1e+20", "1e-07", "0"),
    ]
    assert found.tables.notes == ("1 cells hold an error value such as #N/A; they are read as empty.",)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (dt.datetime(2024, 1, 1, 9, 59, 59, 999_700), "2024-01-01 10:00:00"),
        (dt.datetime(2024, 1, 1, 9, 59, 59, 500_000), "2024-01-01 09:59:59.500000"),
        (dt.timedelta(hours=-1, minutes=-30), "-01:30:00"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.date(1900, 1, 1), "1900-01-01"),
        (-0.0, "0"),
        (123456789012345.0, "123456789012345"),
        (1.25e300, "1.25e+300"),
        (7, "7"),
        (True, "TRUE"),
        ("", None),
    ],
)
def test_the_text_of_a_cell(cell: Cell, shown: str | None) -> None:
    assert text_of_cell(cell) == shown


def test_sheets_are_tables_and_hidden_ones_come_last(read: ReadBook) -> None:
    found = read(
        workbook(
            {
                "Lookup": [text("x"), text("1")],
                "Title": [text("only a header")],
                "Empty": [],
                "Owners &amp; heirs": [text("name") + text("") + text("Name"), text("Ann") + text("b") + text("c")],
            },
            hidden=("Lookup",),
        )
    )
    assert found.names == ["Title", "Owners & heirs", "Lookup"]
    assert found.columns("owners & HEIRS") == ("name", "column_2", "Name_2")
    assert found.tables.skipped == {"empty sheet": 1}
    assert choose_sheet(found.tables).name == "Owners & heirs"
    assert choose_sheet(found.tables, " lookup ").name == "Lookup"
    with pytest.raises(
        FileRejected, match=r"no sheet 'Owner'\. Its sheets: 'Title' \(0 rows\), 'Owners & heirs' \(1 rows\)"
    ):
        choose_sheet(found.tables, "Owner")
    with pytest.raises(FileRejected, match="No sheet of the workbook has rows"):
        choose_sheet(read(workbook({"Title": [text("only a header")]})).tables)


def test_blank_rows_and_an_area_that_begins_elsewhere(read: ReadBook) -> None:
    content = workbook(
        {
            "S": [
                f'<row r="3">{text("name", "C3")}{text("zip", "D3")}</row>',
                '<row r="4"></row>',
                f'<row r="5">{text("", "C5")}</row>',
                f'<row r="9">{text("Ann", "C9")}{text("late", "E9")}</row>',
            ]
        }
    )
    found = read(content)
    assert (found.columns(), found.rows()) == (("name", "zip", "column_3"), [("Ann", None, "late")])
    plain = read(content, header=False)
    assert plain.columns() == ("C", "D", "E")
    assert plain.rows() == [("name", "zip", None), ("Ann", None, "late")]


def test_many_rows_are_read_in_batches(read: ReadBook) -> None:
    rows = [f'<row r="{n}">{number(str(n), 0, f"A{n}")}{text(f"x{n}", f"AB{n}")}</row>' for n in range(1, 30_002)]
    found = read(workbook({"S": rows}), header=False)
    assert len(found.rows()) == 30_001
    assert found.rows()[-1][0] == "30001"
    assert found.columns()[-1] == "AB"


FAR = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "rows",
    [
        [number("1", 0, "A1"), FAR],
        [number("1", 0, "A1"), FAR.replace('<c r="', "<c s='0' r = '").replace('576">', "576' >")],
        [number("1", 0, "A1"), f'<row r="1">{number("1", 0, "XFD1048576")}</row>'],
        [number("1") * 16_000, '<row r="30000"><c><v>1</v></c></row>'],
        [number("1") * 16_000, *["<c><v>1</v></c>"] * 20_000],
    ],
)
@pytest.mark.parametrize("chunk", [1 << 22, 4_000, 61])
def test_an_area_that_would_fill_the_memory_is_refused(
    read: ReadBook, monkeypatch: pytest.MonkeyPatch, rows: list[str], chunk: int
) -> None:
    monkeypatch.setattr(excel, "_CHUNK", chunk)
    with pytest.raises(FileRejected, match=r"A sheet of book\.xlsx has an area of .* more than 20,000,000 cells"):
        read(workbook({"Fine": [text("a"), text("b")], "S": rows}))


def test_text_that_looks_like_cells_is_no_area(read: ReadBook) -> None:
    found = read(workbook({"S": [text("a"), text('&lt;c r="XFD1048576"> r="ZZ9999999"')]}))
    assert found.rows() == [('<c r="XFD1048576"> r="ZZ9999999"',)]


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no Excel workbook"),
        (b"a,b\n1,2\n", "no Excel workbook"),
        (_zip({"a.csv": b"a,b"}), "a zip archive, but no Excel workbook"),
        (_zip({"[Content_Types].xml": b"", "xl/workbook.bin": b""}), r"\.xlsb or OpenDocument"),
        (_zip({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), r"\.xlsb or OpenDocument"),
        (_zip({"[Content_Types].xml": b"<Types/>"}), "damaged or no workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 3000, "damaged or no workbook"),
        (workbook({"S": [text("a")]})[:-200], "damaged or no workbook"),
        (workbook({"S": [text("a"), "<c r="]}), "damaged or no workbook"),
        (_zip({"[Content_Types].xml": b"x", "xl/x.xml": "<sheetData/>".encode("utf-16")}), "not UTF-8"),
    ],
)
def test_what_is_no_workbook_is_rejected(read: ReadBook, content: bytes, reason: str) -> None:
    with pytest.raises(FileRejected, match=reason):
        read(content)


def test_a_workbook_that_unpacks_to_too_much_is_refused(read: ReadBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MAX_XML_BYTES", 1 << 20)
    with pytest.raises(FileRejected, match="unpacks to more than"):
        read(workbook({"S": [text("a")]}, extra={"xl/media/x": "x" * 2_000_000}))


@in_two_forms(
    60,
    200,
    part=st.integers(0, 7),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=20)), max_size=5),
    cut=st.sampled_from([1.0, 1.0, 1.0, 0.5]),
    deadline=10_000,
)
def test_no_damage_raises_anything_but_file_rejected(
    tmp_path: Path, part: int, damage: list[tuple[float, int, bytes]], cut: float
) -> None:
    """Damage inside the parts, behind a sound zip; and a zip that is cut off."""
    sound = workbook(
        {"S": [text("a") + number("1", 1), number("45351.5", 2) + '<c t="b"><v>1</v></c>'], "T": [text("b")]}
    )
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        for position, name in enumerate(archive.namelist()):
            content = archive.read(name)
            for where, length, put in damage if position == part % len(archive.namelist()) else []:
                at = int(where * len(content))
                content = content[:at] + put + content[at + length :]
            files[name] = content
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    packed = _zip(files)
    (folder / "x.xlsx").write_bytes(packed[: int(len(packed) * cut)])
    try:
        found = Found(read_workbook(folder / "x.xlsx", folder / "tables"))
    except FileRejected:
        return
    for table in found.tables.tables:
        found.rows(table.name)
