"""Records of a text file: each one good or bad, each under its own number."""

from __future__ import annotations

import csv
import gc
import io
import string
from pathlib import Path

import psutil
import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports import reader
from cm_core.imports.dialect import Dialect
from cm_core.imports.reader import Layout, read_batches
from tests.forms import in_two_forms

from .conftest import ReadBytes


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_every_line_end_gives_the_same_records(read_bytes: ReadBytes, line_end: str) -> None:
    found = read_bytes(line_end.join(["name,phone", "Ann,1", "Bob,2", ""]))
    assert found.headers == ("name", "phone")
    assert found.rows == {1: ["Ann", "1"], 2: ["Bob", "2"]}
    assert not found.bad


def test_a_last_line_without_an_end_is_a_record(read_bytes: ReadBytes) -> None:
    assert read_bytes("name,phone\nAnn,1").rows == {1: ["Ann", "1"]}


def test_blank_lines_are_no_records(read_bytes: ReadBytes) -> None:
    assert read_bytes("name,phone\n\nAnn,1\n\n\nBob,2\n\n").rows == {1: ["Ann", "1"], 2: ["Bob", "2"]}


def test_empty_fields_are_nulls_and_blanks_are_kept(read_bytes: ReadBytes) -> None:
    assert read_bytes('name,phone,city\n,"", \n').rows == {1: [None, None, " "]}


def test_a_byte_order_mark_is_no_part_of_the_first_header(read_bytes: ReadBytes) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert read_bytes("name,phone\nÄnn,1\n".encode(encoding)).headers == ("name", "phone")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_text_arrives_in_every_encoding(read_bytes: ReadBytes, encoding: str) -> None:
    found = read_bytes("name,city\nJosé Núñez,Pawhuska\nRené,Ada\n".encode(encoding))
    assert found.rows == {1: ["José Núñez", "Pawhuska"], 2: ["René", "Ada"]}


def test_rows_of_the_wrong_width_are_bad_and_the_rest_goes_on(read_bytes: ReadBytes) -> None:
    found = read_bytes("name,phone,city\nAnn,1,Ada\nBob,2\nCid,3,Ada,extra\nDee,4,Ada\n")
    assert found.rows == {1: ["Ann", "1", "Ada"], 4: ["Dee", "4", "Ada"]}
    assert found.bad_kinds == [(2, "WIDTH"), (3, "WIDTH")]
    assert found.bad[0].message == "The row has 2 fields, the header has 3"
    assert [row.raw for row in found.bad] == ["Bob,2", "Cid,3,Ada,extra"]


def test_blank_fields_at_the_end_are_dropped(read_bytes: ReadBytes) -> None:
    assert read_bytes("name,phone\nAnn,1,,\nBob,2, \n").rows == {1: ["Ann", "1"], 2: ["Bob", "2"]}


def test_quoted_line_breaks_belong_to_their_field(read_bytes: ReadBytes) -> None:
    found = read_bytes('name,address,city\r\nAnn,"1 Main St\r\nSte 4\r\n",Ada\r\n"B ""Bob"" B","x,y",Ada\r\n')
    assert found.rows == {1: ["Ann", "1 Main St\r\nSte 4\r\n", "Ada"], 2: ['B "Bob" B', "x,y", "Ada"]}


@pytest.mark.parametrize("field", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_quote_that_is_never_closed_costs_one_row(read_bytes: ReadBytes, field: int) -> None:
    broken = ["Bob", "2", "Ada"]
    broken[field] = '"' + broken[field]
    found = read_bytes("\n".join(["name,phone,city", "Ann,1,Ada", ",".join(broken), "Cid,3,Ada", "Dee,4,Ada", ""]))
    assert found.rows == {1: ["Ann", "1", "Ada"], 3: ["Cid", "3", "Ada"], 4: ["Dee", "4", "Ada"]}
    assert found.bad_kinds == [(2, "WIDTH")]
    assert "never closed" in found.bad[0].message
    assert found.bad[0].raw == ",".join(broken)


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_left_open_in_the_last_row_is_reported(read_bytes: ReadBytes, end: str) -> None:
    found = read_bytes('name,phone\nAnn,1\nBob,"2' + end)
    assert found.rows == {1: ["Ann", "1"]}
    assert found.bad_kinds == [(2, "WIDTH")]


def test_a_stray_quote_does_not_swallow_rows_up_to_the_next_quoted_field(read_bytes: ReadBytes) -> None:
    found = read_bytes('name,phone,city\nAnn,"1,Ada\nBob,"2",Ada\nCid,3,Ada\n')
    assert found.rows == {2: ["Bob", "2", "Ada"], 3: ["Cid", "3", "Ada"]}
    assert found.bad_kinds == [(1, "WIDTH")]


def test_an_open_quote_far_from_the_end_does_not_swallow_the_file(read_bytes: ReadBytes) -> None:
    rows = [f"P{n},{n}" for n in range(1, 1501)]
    rows[9] = 'P10,"10'
    found = read_bytes("\n".join(["name,phone", *rows, ""]))
    assert found.bad_kinds == [(10, "WIDTH")]
    assert len(found.rows) == 1499
    assert found.rows[1500] == ["P1500", "1500"]


def test_quotes_within_a_plain_field_are_text(read_bytes: ReadBytes) -> None:
    assert read_bytes('name,note\nAnn,5" pipe\nBob "Bo" Lee,x\n').rows == {
        1: ["Ann", '5" pipe'],
        2: ['Bob "Bo" Lee', "x"],
    }


def test_a_header_with_an_open_quote_is_refused(read_bytes: ReadBytes) -> None:
    with pytest.raises(FileRejected, match="first record cannot be read"):
        read_bytes('name,"phone\nAnn,1\nBob,2\n')


def test_nuls_reject_their_row_and_are_shown(read_bytes: ReadBytes) -> None:
    found = read_bytes(b"name,phone\nAnn,1\nB\x00b,2\nCid,3\n")
    assert found.rows == {1: ["Ann", "1"], 3: ["Cid", "3"]}
    (bad,) = found.bad
    assert (bad.row_number, bad.error_type, bad.field_name, bad.raw) == (2, "ENCODING", "name", "B\\x00b,2")


def test_bytes_that_are_not_the_declared_encoding_reject_their_row(read_bytes: ReadBytes) -> None:
    found = read_bytes(b"name,city\nAnn,Ada\nBob,Pawhusk\xe9\nJos\xc3\xa9,Ada\n", encoding="utf-8")
    assert found.rows == {1: ["Ann", "Ada"], 3: ["José", "Ada"]}
    (bad,) = found.bad
    assert (bad.row_number, bad.error_type, bad.field_name) == (2, "ENCODING", "city")
    assert bad.raw == "Bob,Pawhusk\\xe9"
    assert "not utf-8" in bad.message


def test_ascii_is_held_to_when_declared(read_bytes: ReadBytes) -> None:
    found = read_bytes("name,city\nAnn,Ada\nJosé,Ada\n", encoding="ascii")
    assert found.rows == {1: ["Ann", "Ada"]}
    assert found.bad_kinds == [(2, "ENCODING")]


@pytest.mark.parametrize(
    ("tail", "bad_row"),
    [(b"\x41", 3), (b"\x3d\xd8\x41\x00,\x001\x00\n\x00", 3), (b"\xd8", 3)],
    ids=["cut-in-a-character", "half-a-pair", "cut-high"],
)
def test_damaged_utf16_rejects_the_row_and_not_the_file(read_bytes: ReadBytes, tail: bytes, bad_row: int) -> None:
    found = read_bytes("name,phone\nÄnn,1\nBob,2\n".encode("utf-16") + tail)
    assert found.rows == {1: ["Änn", "1"], 2: ["Bob", "2"]}
    assert [row.row_number for row in found.bad] == [bad_row]


def test_a_very_long_field_is_kept_whole(read_bytes: ReadBytes) -> None:
    long = "x" * 100_000
    assert read_bytes(f"name,note\nAnn,{long}\nBob,y\n").rows == {1: ["Ann", long], 2: ["Bob", "y"]}


def test_a_field_over_the_limit_rejects_its_row(read_bytes: ReadBytes) -> None:
    found = read_bytes(f"name,note\nAnn,{'x' * 1001}\nBob,{'y' * 1000}\n", max_field_chars=1000)
    assert list(found.rows) == [2]
    (bad,) = found.bad
    assert (bad.row_number, bad.error_type, bad.field_name) == (1, "VALIDATION", "note")
    assert bad.message == "The field has 1001 characters, more than 1000"


def test_headers_are_made_distinct(read_bytes: ReadBytes) -> None:
    found = read_bytes("Name,NAME,,name,Name_2, Phone \n1,2,3,4,5,6\n")
    assert len({header.lower() for header in found.headers}) == len(found.headers) == 6
    assert found.headers[0] == "Name"
    assert found.headers[5] == "Phone"
    assert found.rows == {1: ["1", "2", "3", "4", "5", "6"]}


def test_thousands_of_headers_are_no_table(read_bytes: ReadBytes) -> None:
    with pytest.raises(FileRejected, match="4001 fields"):
        read_bytes(",".join(f"h{n}" for n in range(4001)) + "\n")


def test_headerless_files_take_the_feeds_columns_and_number_the_rest(read_bytes: ReadBytes) -> None:
    found = read_bytes("Ann,1,Ada\nBob,2,Ada\n", header=False, columns=("name", "phone"))
    assert found.headers == ("name", "phone", "column_2")
    assert found.rows == {1: ["Ann", "1", "Ada"], 2: ["Bob", "2", "Ada"]}


def test_a_headerless_file_too_narrow_for_its_feed_is_refused(read_bytes: ReadBytes) -> None:
    with pytest.raises(FileRejected, match="declares 3 columns, but the first record has 2"):
        read_bytes("Ann,1\n", header=False, columns=("name", "phone", "city"))


def test_a_header_alone_has_no_records(read_bytes: ReadBytes) -> None:
    assert read_bytes("name,phone\n").total == 0


def test_numbers_go_on_across_batches(read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BATCH_ROWS", 7)
    lines = [f"P{n},{n}" if n % 5 else f"P{n}" for n in range(1, 101)]
    found = read_bytes("\n".join(["name,phone", *lines, ""]))
    assert {n: row[0] for n, row in found.rows.items()} == {n: f"P{n}" for n in range(1, 101) if n % 5}
    assert [row.row_number for row in found.bad] == list(range(5, 101, 5))


# Control characters would make the file a binary one.
_cells = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\r\t\x85,;\"'"), max_size=12)
_tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(_cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


@in_two_forms(
    50,
    150,
    rows=_tables,
    delimiter=st.sampled_from([",", "\t", "|", ";"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_whatever_a_csv_writer_wrote_reads_back_equal(
    read_bytes: ReadBytes, rows: list[list[str]], delimiter: str, quoting: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerow([f"h{position}" for position in range(len(rows[0]))])
    writer.writerows(rows)
    found = read_bytes(out.getvalue().encode(), delimiter=delimiter, encoding="utf-8")
    assert not found.bad
    assert found.rows == {number: [cell or None for cell in row] for number, row in enumerate(rows, start=1)}


_LETTERS = "xyzé日"


@in_two_forms(80, 300, body=st.text(_LETTERS + ',,,"""\n\n\n\r ', max_size=80))
def test_no_letter_of_any_text_gets_lost(read_bytes: ReadBytes, body: str) -> None:
    """Rows in = good + bad: numbers have no gaps, and every letter is in a good row or in a bad one's raw text."""
    found = read_bytes("a,b,c\n" + body, delimiter=",", encoding="utf-8")
    numbers = [*found.rows, *(row.row_number for row in found.bad)]
    assert sorted(numbers) == list(range(1, found.total + 1))
    kept = "".join(cell or "" for row in found.rows.values() for cell in row) + "".join(row.raw for row in found.bad)
    assert sorted(c for c in kept if c in _LETTERS) == sorted(c for c in body if c in _LETTERS)
    assert all(len(row) == 3 for row in found.rows.values())


@in_two_forms(40, 100, body=st.binary(max_size=120))
def test_any_bytes_are_read_or_reported(read_bytes: ReadBytes, body: bytes) -> None:
    found = read_bytes(string.printable[:62].encode() + b",b\n" + body, delimiter=",", encoding="utf-8")
    assert sorted([*found.rows, *(row.row_number for row in found.bad)]) == list(range(1, found.total + 1))
    for row in found.rows.values():
        "".join(cell or "" for cell in row).encode()


_pieces = st.sampled_from(
    [
        "a",
        "b,c",
        ",",
        ",",
        '"',
        '"',
        '""',
        '"x,y"',
        '"p""q"',
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "é",
        "a,b,c\n",
        '"1","2","3"\n',
    ]
)


@in_two_forms(
    120,
    400,
    body=st.lists(_pieces, max_size=40).map("".join),
    stretch=st.integers(8, 64),
    encoding=st.sampled_from(["utf-8", "cp1252", "latin-1"]),
)
def test_stretches_parsed_at_once_are_read_as_record_by_record(
    read_bytes: ReadBytes, body: str, stretch: int, encoding: str
) -> None:
    content = ("a,b,c\n" + body).encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "STRETCH_BYTES", stretch)
        patch.setattr(reader, "LEAST_STRETCH_BYTES", 8)
        found = read_bytes(content, delimiter=",", encoding=encoding)
        patch.setattr(reader.plain_csv, "parse", lambda *_, **__: None)
        one_by_one = read_bytes(content, delimiter=",", encoding=encoding)
        patch.setattr(reader.plain_csv, "can_parse", lambda encoding: False)
        whole = read_bytes(content, delimiter=",", encoding=encoding)
    assert found == one_by_one == whole


def test_well_formed_lines_are_parsed_at_once(read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_one_by_one", None)  # whoever needs it fails
    lines = [f'"N{n}, ""the"" é",,{n}' for n in range(2000)]
    found = read_bytes("\r\n".join(["name,empty,number", *lines]))
    assert found.rows == {n + 1: [f'N{n}, "the" é', None, str(n)] for n in range(2000)}


def test_a_header_that_is_no_text_is_shown_in_escapes(read_bytes: ReadBytes) -> None:
    found = read_bytes(b"Name,Ph\xc3ne,\xe2\x80\xa8\n" + "José Núñez,405-232-9701,x\n".encode() * 9)
    assert found.headers[:2] == ("Name", "Ph\\xc3ne")
    assert found.total == 9
    "".join(found.headers).encode()


def test_readers_let_go_of_the_file_without_the_help_of_the_collector(tmp_path: Path, read_bytes: ReadBytes) -> None:
    """Each bad stretch has a reader of its own; those that were not closed kept its lines in memory, too."""
    good, bad = b"Ann Lee,405-232-9701\n" * 1_000, b"Bob\n"
    gc.collect()
    gc.disable()
    try:
        found = read_bytes(b"name,phone\n" + (good + bad) * 20)
        assert [path for path in psutil.Process().open_files() if path.path.endswith("file.csv")] == []
    finally:
        gc.enable()
    assert found.bad_kinds == [(1001 * turn, "WIDTH") for turn in range(1, 21)]


def test_a_quote_that_is_never_closed_takes_few_long_lines_with_it(read_bytes: ReadBytes) -> None:
    long = "x" * (6 << 20)
    found = read_bytes(f'name,phone\n"{long},1\n{long},2\n{long},3\n{long},4\nAnn Lee,5\n')
    assert found.bad_kinds == [(1, "WIDTH")]
    assert {number: row[1] for number, row in found.rows.items()} == {2: "2", 3: "3", 4: "4", 5: "5"}


def test_long_records_come_in_small_batches(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"name,phone\n" + (b"x" * (5 << 20) + b",1\n") * 12)
    dialect = Dialect("utf-8", ",", '"', strict_encoding=False)
    sizes = [batch.size for batch in read_batches(path, dialect, Layout(("name", "phone"), True), max_field_chars=9**9)]
    assert len(sizes) > 2
    assert max(sizes) < 30 << 20
