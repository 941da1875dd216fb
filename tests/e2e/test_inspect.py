"""`cm inspect` as users run it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.store import Database
from tests.e2e.conftest import Ran
from tests.integration.imports.steps import query, unchanged

OWNERS = "Name,Phone,Zip,Note\nJohn Smith,405-555-2345,73069,a\nMary Jones,(405) 321-4567,73069,b\n,,,c\n"

Cm = Callable[..., Ran]


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_it_says_what_ingest_then_does(database: Database, cm_here: Cm, tmp_path: Path) -> None:
    path = _write(tmp_path / "owners.csv", OWNERS)
    with unchanged(database):
        ran = cm_here("inspect", path, "--json")
    assert (ran.code, ran.errors) == (0, [])
    assert query(database, "select count(*) from import_metadata") == [(0,)]
    done = cm_here("ingest", path, "--json").document
    assert ran.document["would"] == {
        name: done[name] for name in ("total_rows", "inserted", "updated", "skipped", "errors")
    }
    again = cm_here("inspect", path, "--json").document
    assert (again["status"], again["duplicate_of"]) == ("DUPLICATE", done["import_id"])
    shown = cm_here("inspect", path)
    assert shown.code == 0
    assert f"DUPLICATE: The same bytes are import {done['import_id']}" in shown.out


def test_people_see_format_columns_preview_and_counts(cm_here: Cm, tmp_path: Path) -> None:
    shown = cm_here("inspect", _write(tmp_path / "owners.csv", OWNERS.replace(",", "\t")), "--rows", "2")
    assert (shown.code, shown.err) == (0, "")
    for text in (
        "encoding", "utf-8", "tab", "full_name", "header", "kept raw", "1.0", "+14053214567", "John Smith (person)",
        "An import of its first rows would", "inserted", "Persons are found by", "new",
    ):  # fmt: skip
        assert text in shown.out, text


@pytest.mark.parametrize("as_json", [True, False])
def test_a_file_that_would_be_rejected_ends_with_1_and_one_line(cm_here: Cm, tmp_path: Path, as_json: bool) -> None:
    path = _write(tmp_path / "wells.csv", "Well,Depth\nA,1\n")
    ran = cm_here("inspect", path, *(["--json"] if as_json else []))
    assert ran.code == 1
    (line,) = ran.errors
    assert line.startswith("wells.csv: REJECTED: No usable column")
    if as_json:
        assert (ran.document["status"], ran.document["format"]["delimiter"]) == ("REJECTED", ",")


def test_what_cannot_be_meant(cm_here: Cm, tmp_path: Path) -> None:
    assert cm_here("inspect", tmp_path / "nowhere.csv").code == 1
    assert cm_here("inspect", tmp_path).code == 1
    unknown = cm_here("inspect", _write(tmp_path / "owners.csv", OWNERS), "--feed", "owners")
    assert (unknown.code, len(unknown.errors)) == (1, 1)
    assert cm_here("inspect").code == 2
    assert cm_here("inspect", tmp_path / "owners.csv", "--rows", "0").code == 2


def test_each_file_of_an_archive(cm_here: Cm, tmp_path: Path) -> None:
    path = tmp_path / "lists.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("owners.csv", OWNERS)
        archive.writestr("wells.csv", "Well,Depth\nA,1\n")
    ran = cm_here("inspect", path, "--json")
    assert ran.code == 1
    assert [(found["filename"], found["status"]) for found in ran.document] == [
        ("owners.csv", "COMPLETE"), ("wells.csv", "REJECTED"),
    ]  # fmt: skip
