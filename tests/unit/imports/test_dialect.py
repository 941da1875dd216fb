"""What a file's bytes say about it: checksum, encoding, delimiter, and what is no text table at all."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports import dialect
from cm_core.imports.dialect import detect_dialect, scan_file
from cm_core.imports.feed_catalog import Format
from tests.forms import in_two_forms

PEOPLE = "Name,City\nJosé Núñez,Pawhuska\nZoë Łukasz,Ada\n"
WESTERN = "Name,City\nJosé Núñez,Pawhuska\nRené Brûlé,Ada\n"


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


def _text(path: Path, encoding: str) -> str:
    return path.read_bytes().decode(encoding)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PEOPLE.encode("ascii", "ignore"), "utf-8"),
        (PEOPLE.encode("utf-8"), "utf-8"),
        (PEOPLE.encode("utf-8-sig"), "utf-8-sig"),
        (PEOPLE.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + PEOPLE.encode("utf-16-be"), "utf-16"),
        (PEOPLE.encode("utf-16-le"), "utf-16-le"),
        (PEOPLE.encode("utf-16-be"), "utf-16-be"),
        (WESTERN.encode("cp1252"), "cp1252"),
        ((WESTERN + "“quoted” – €,x\n").encode("cp1252"), "cp1252"),
        ((WESTERN + "\x81\x8d,x\n").encode("latin-1"), "latin-1"),
    ],
    ids=[
        "ascii",
        "utf-8",
        "bom",
        "utf-16",
        "utf-16-be-bom",
        "utf-16-le",
        "utf-16-be",
        "cp1252",
        "cp1252-quotes",
        "latin-1",
    ],
)
def test_the_encoding_is_found_and_gives_the_text_back(tmp_path: Path, content: bytes, encoding: str) -> None:
    path = _write(tmp_path, content)
    scan = scan_file(path)
    assert scan.encoding == encoding
    assert _text(path, scan.encoding).lstrip("\ufeff").startswith("Name,City\n")


def test_a_few_damaged_bytes_leave_a_utf8_file_utf8(tmp_path: Path) -> None:
    scan = scan_file(_write(tmp_path, PEOPLE.encode() + b"caf\xe9,x\n"))
    assert (scan.encoding, scan.bad_utf8) == ("utf-8", 1)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 7, 64])
def test_characters_cut_by_a_chunk_border_count_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(dialect, "_CHUNK", chunk)
    content = ("Name\n" + "aé日😀" * 50 + "\n").encode()
    scan = scan_file(_write(tmp_path, content))
    assert (scan.encoding, scan.bad_utf8) == ("utf-8", 0)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_bad_bytes_at_a_chunk_border_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(dialect, "_CHUNK", chunk)
    content = "Name\nJosé\n".encode() + b"\xc3\n\xff\nab\xe2\x82\n" + "日本\n".encode() + b"\xf0\x9f"
    scan = scan_file(_write(tmp_path, content))
    assert scan.bad_utf8 == 1 + 1 + 2 + 2
    assert scan.encoding == "cp1252" if scan.bad_utf8 > 5 else "utf-8"


@in_two_forms(25, 60, content=st.binary(min_size=1, max_size=200), chunk=st.integers(1, 9))
def test_what_is_found_does_not_depend_on_the_chunks(tmp_path: Path, content: bytes, chunk: int) -> None:
    path = _write(tmp_path, b"head of the file, long enough\n" + content)
    try:
        whole = scan_file(path)
    except FileRejected:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "_CHUNK", chunk)
        pieces = scan_file(path)
    assert pieces == whole


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"%PDF-1.7\n", "PDF"),
        (bytes(range(256)) * 64, "binary"),
        (b"name,phone\n" + b"x\x00\x00\x00\x01\x02\x03," * 2000, "binary"),
    ],
    ids=["nothing", "blanks", "bom-only", "pdf", "random", "nuls"],
)
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(FileRejected, match=says):
        scan_file(_write(tmp_path, content))


def test_nuls_after_a_clean_start_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(FileRejected, match="NUL"):
        scan_file(_write(tmp_path, b"name,phone\n" + b"a,b\n" * 20_000 + b"\x00" * 50_000))


def test_an_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(dialect, "_CHUNK", 64)
    assert scan_file(_write(tmp_path, b"name\n" + b"x" * 900 + b"\n" + b"y" * 900)).encoding == "utf-8"
    with pytest.raises(FileRejected, match="line is longer"):
        scan_file(_write(tmp_path, b"name\n" + b"x" * 1200))


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";", "^", "\x1c"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_the_one_that_splits_records_alike(tmp_path: Path, delimiter: str, line_end: str) -> None:
    lines = [
        delimiter.join(("Owner Name", "Address", "City")),
        delimiter.join(
            ('"Smith, John; Mary | Sons"' if delimiter in ",;|" else "Smith, John; Mary | Sons", "PO Box 1", "Ada")
        ),
        delimiter.join(("ACME OIL LLC", '"12 Main St, Ste 4"', "Tulsa")),
        delimiter.join(("Doe, Jane", "1 Elm", "Enid") if delimiter != "," else ('"Doe, Jane"', "1 Elm", "Enid")),
    ]
    path = _write(tmp_path, (line_end.join(lines) + line_end).encode())
    assert detect_dialect(path, Format(), scan_file(path)).delimiter == delimiter


def test_one_column_is_read_as_one_column(tmp_path: Path) -> None:
    path = _write(tmp_path, b"phone\n4052329700\n4052329701\n")
    assert detect_dialect(path, Format(), scan_file(path)).delimiter == ","


def test_what_the_feed_declares_is_taken(tmp_path: Path) -> None:
    path = _write(tmp_path, b"a|b,c\n1|2,3\n")
    found = detect_dialect(path, Format(delimiter="|", encoding="latin-1"), scan_file(path))
    assert (found.delimiter, found.encoding, found.strict_encoding) == ("|", "latin-1", True)


def test_a_declared_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, b"a,b\n")
    with pytest.raises(FileRejected, match="'klingon'"):
        detect_dialect(path, Format(encoding="klingon"), scan_file(path))


def test_a_field_longer_than_pythons_own_limit_is_no_obstacle(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    path = _write(tmp_path, b'name,phone\n"' + b"x" * 200_000 + b'",1\n')
    assert detect_dialect(path, Format(), scan_file(path)).delimiter == ","


def test_a_large_file_is_judged_by_its_start(tmp_path: Path) -> None:
    path = _write(tmp_path, b"name|phone|city\n" + b"John|4052329700|Ada\n" * 50_000)
    assert detect_dialect(path, Format(), scan_file(path)).delimiter == "|"
