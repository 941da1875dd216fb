"""The registry's XML: its numbers, in constant memory, and nothing of what XML could do besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from cm_core.errors import FileRejected
from cm_core.imports.formats.dnc_xml import is_xml, write_as_text

FULL = "<?xml version='1.0'?>\n<list type='full' level='state' val='405'>{body}</list>"


def _read(tmp_path: Path, text: str | bytes) -> tuple[tuple[str, ...], list[str]]:
    path = tmp_path / "list.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    assert is_xml(path)
    target = tmp_path / "numbers.csv"
    columns = write_as_text(path, target)
    assert write_as_text(path, target) == columns  # what an earlier call left is used again
    return columns, target.read_text().splitlines()


def test_numbers_have_the_area_code_that_they_stand_in(tmp_path: Path) -> None:
    body = (
        "<ac val='405'><ph val='5552345'/><ph val='3214567'></ph></ac>"
        "<!-- <ph val='9999999'/> --><ac val='918'><ph val='3214567'/><ph val='5805552345'/></ac>"
    )
    columns, lines = _read(tmp_path, FULL.format(body=body))
    assert columns == ("area_code", "number")
    assert lines == ["405,5552345", "405,3214567", "918,3214567", "580,5552345"]


def test_a_list_of_one_area_code_may_name_it_once(tmp_path: Path) -> None:
    assert _read(tmp_path, FULL.format(body="<ph val='5552345'/>"))[1] == ["405,5552345"]


def test_what_is_no_number_keeps_its_line(tmp_path: Path) -> None:
    body = (
        "<ac val='405'><ph val='5552345'/><ph val='12'/><ph/><ph val='a,&quot;b&#10;c'/></ac>"
        "<ac val='4,5'><ph val='5552345'/></ac>"
    )
    assert _read(tmp_path, FULL.format(body=body))[1] == [
        "405,5552345", "405,12", "405,", '405,"a,""b c"', '"4,5",5552345',
    ]  # fmt: skip


def test_entries_that_say_a_or_d_make_a_list_of_changes(tmp_path: Path) -> None:
    body = "<ac val='405'><ph val='5552345' ts='2026-08-29' chg='A'/><ph val='3214567' chg='D'/></ac>"
    columns, lines = _read(tmp_path, FULL.format(body=body))
    assert columns == ("area_code", "number", "listing_date", "action")
    assert lines == ["405,5552345,2026-08-29,A", "405,3214567,,D"]
    named = "<list type='change' val='405'><ac val='405'><ph val='5552345'/></ac></list>"
    (tmp_path / "numbers.columns").unlink()
    assert _read(tmp_path, named) == (columns, ["405,5552345,,"])  # no A, no D: a bad line, and no full list


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FULL.format(body="<ac val='405'><ph val='5552345'/>")[:-7], "cut off"),
        (FULL.format(body="<ac val='405'><ph val='5552345'/><ph val='32145"), "cut off|damaged"),
        ("<?xml version='1.0'?><list val='405'></list>", "no numbers"),
        ("<?xml version='1.0'?><html><body/></html>", "not the registry's"),
        ("<?xml version='1.0'?><ph val='5552345'/>", "not the registry's"),
        (FULL.format(body="<ac val='405'><ph val='5552345'/><ph val='3214567' chg='D'/></ac>"), "half a list"),
        (
            "<!DOCTYPE list [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
            "<list val='405'><ac val='405'><ph val='&b;'/></ac></list>",
            "document type",
        ),
        (
            "<!DOCTYPE list [<!ENTITY secret SYSTEM 'file:///etc/passwd'>]>"
            "<list val='405'><ac val='405'><ph val='5552345'>&secret;</ph></ac></list>",
            "document type",
        ),
        (
            b"<?xml version='1.0' encoding='utf-8'?><list val='405'><ac val='405'><ph val='\xff\xfe'/></ac></list>",
            "damaged",
        ),
    ],
    ids=["cut", "cut in a tag", "empty", "html", "no root", "mixed", "bomb", "file", "bytes"],
)
def test_other_documents_are_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(FileRejected, match=reason):
        _read(tmp_path, text)
    with pytest.raises(FileRejected, match=reason):  # and what was half written is not taken for whole
        _read(tmp_path, text)


def test_a_tag_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    path.write_bytes(b"<list val='405'><ac val='405'><ph val='" + b"5" * (4 << 20))
    with pytest.raises(FileRejected, match="a tag of more than 1 MB"):
        write_as_text(path, tmp_path / "numbers.csv")


@pytest.mark.parametrize(("head", "xml"), [(b"\xef\xbb\xbf <?xml ", True), (b"<list>", True), (b"405,5552345", False)])
def test_xml_is_known_by_its_first_bytes(tmp_path: Path, head: bytes, xml: bool) -> None:
    (tmp_path / "x").write_bytes(head)
    assert is_xml(tmp_path / "x") is xml
