"""Files whose headers do not tell, and lists whose columns are not those of the last time, through the whole import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cm_core.imports.feed_catalog import load_feed
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import assert_conserved, attempt, column, csv_text, import_file, query, unchanged

NAMES = ("John Smith", "Mary Jones", "Ann Garcia", "Bob Miller", "Ida Moore", "Joe Hill", "Sue Fox", "Al Cook",
         "Ed Lee", "Eva Ross", "Tom Baker", "Kay Ward")  # fmt: skip
PEOPLE = [(name, f"(405) {321 + n}-45{n:02d}", f"p{n}@example.org", "x" * (n % 3 + 1)) for n, name in enumerate(NAMES)]


def _write(path: Path, header: tuple[str, ...] | None, rows: list[tuple[str, ...]]) -> Path:
    text = csv_text(header or (), rows)
    path.write_text(text if header else text.partition("\n")[2])
    return path


def _schema_check(settings: Settings, import_id: str) -> dict[str, Any]:
    checklist = json.loads(lake(settings).get_bytes(f"reports/{import_id}/checklist.json"))
    (line,) = (line for line in checklist["checks"] if line["check"] == "Schema matches expected")
    return dict(line)


@pytest.mark.parametrize("header", [None, ("c1", "c2", "c3", "c4"), ("Wer", "Rufnummer", "Elektropost", "Bemerkung")])
def test_people_come_in_whatever_the_headers_say(
    settings: Settings, database: Database, tmp_path: Path, header: tuple[str, ...] | None
) -> None:
    record = import_file(settings, database, _write(tmp_path / "list.csv", header, PEOPLE))
    assert_conserved(settings, database, record)
    assert (record.row_count, record.inserted_count) == (len(PEOPLE), len(PEOPLE))
    names = query(database, "select concat(first_name, ' ', last_name) from persons order by id")
    assert [name for (name,) in names] == [name for name, *_ in PEOPLE]
    assert column(database, "select count(*) from phone_numbers where phone_e164 is not null") == [len(PEOPLE)]
    assert column(database, "select email from email_addresses order by id") == [email for _, _, email, _ in PEOPLE]
    form = record.file_format or {}
    assert form["header"] is (header is not None)
    assert {(use["field"], use["how"]) for use in form["columns"]} == {
        ("full_name", "content"), ("phone", "content"), ("email", "content")
    }  # fmt: skip
    assert all(0.7 < use["confidence"] < 1 for use in form["columns"])
    assert form["kept_raw_only"] == [(header or ("column_0", "column_1", "column_2", "column_3"))[3]]


def test_a_new_column_is_kept_raw_and_reported(settings: Settings, database: Database, tmp_path: Path) -> None:
    first = import_file(settings, database, _write(tmp_path / "a.csv", ("Name", "Phone", "Email", "Note"), PEOPLE))
    assert _schema_check(settings, first.import_id) == {"check": "Schema matches expected", "status": "PASS"}
    more = [(*row, "blue") for row in PEOPLE]
    path = _write(tmp_path / "b.csv", ("Name", "Phone", "Email", "Note", "Colour"), more)
    second = import_file(settings, database, path)
    assert second.status == "COMPLETE"
    assert _schema_check(settings, second.import_id) == {
        "check": "Schema matches expected", "status": "WARN", "compared_with": first.import_id,
        "new_columns": ["Colour"],
    }  # fmt: skip
    (raw,) = column(
        database, "select raw from staging_raw_import where import_id = %s and `row_number` = 1", (second.import_id,)
    )
    assert json.loads(raw)["Colour"] == "blue"
    third = import_file(settings, database, _write(tmp_path / "c.csv", ("Name", "Phone", "Note"), [
        (name, phone, note) for name, phone, _, note in PEOPLE]))  # fmt: skip
    assert _schema_check(settings, third.import_id)["missing_columns"] == ["Email", "Colour"]


def test_a_column_that_turned_rejects_the_file(settings: Settings, database: Database, tmp_path: Path) -> None:
    header = ("Name", "Phone", "Email", "Note")
    first = import_file(settings, database, _write(tmp_path / "a.csv", header, PEOPLE))
    turned = [(name, email, phone, note) for name, phone, email, note in PEOPLE]
    with unchanged(database):
        record, error = attempt(settings, database, _write(tmp_path / "b.csv", header, turned))
    assert error is not None
    assert record.status == "REJECTED"
    for part in ("'Phone'", "phone numbers", first.import_id, "e-mail addresses"):
        assert part in (record.status_reason or "")
    check = _schema_check(settings, record.import_id)
    assert check["status"] == "FAIL"
    checklist = json.loads(lake(settings).get_bytes(f"reports/{record.import_id}/checklist.json"))
    assert checklist["checks"][0] == {"check": "File readable", "status": "PASS"}
    # The same list as the first of another feed: there is nothing to hold the headers to, and they are put right.
    other = import_file(settings, database, _write(tmp_path / "c.csv", header, turned), feed="legacy_contacts")
    assert other.status == "COMPLETE"
    assert _schema_check(settings, other.import_id)["status"] == "WARN"


def test_a_shifted_layout_is_rejected_the_first_time(settings: Settings, database: Database, tmp_path: Path) -> None:
    columns = len(load_feed("voter_ny").columns)
    born = load_feed("voter_ny").columns.index("DOB")
    rows = [("Smith", "John", *([""] * (born - 2)), "FM"[n % 2], *([""] * (columns - born - 1))) for n in range(9)]
    record, _ = attempt(settings, database, _write(tmp_path / "voter_ny_new.csv", None, rows))
    assert record.status == "REJECTED"
    for part in ("'DOB'", "dates", "feed 'voter_ny' declares it", "words"):
        assert part in (record.status_reason or "")


def test_account_numbers_reach_nobodys_phone(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [(name, f"40532145{n:02d}", f"918582{n:02d}12") for n, (name, *_) in enumerate(PEOPLE)]
    record = import_file(settings, database, _write(tmp_path / "a.csv", ("Name", "c2", "Parcel"), rows))
    assert record.status == "COMPLETE"
    assert column(database, "select count(*) from phone_numbers") == [0]
    assert (record.file_format or {})["kept_raw_only"] == ["c2", "Parcel"]


def test_a_roll_is_read_surname_first_and_its_companies_as_they_are(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    told = [tuple(name.upper().split()) for name in NAMES]
    roll = [f"{last} {first} W" for first, last in told]
    names = [*roll, "HENCHECK JORGE THOMAS", "ACME OIL LLC", "SMITH JOHN & MARY"]
    rows = [(name, f"{number} Main St") for number, name in enumerate(names, start=1)]
    record = import_file(settings, database, _write(tmp_path / "roll.csv", ("Owner Name", "Address"), rows))
    assert_conserved(settings, database, record)
    (use,) = (use for use in (record.file_format or {})["columns"] if use["field"] == "full_name")
    assert use["surname_first"] is True
    people = query(
        database, "select first_name, middle_name, last_name from persons where last_name is not null order by id"
    )
    assert people == [
        *((first, "W", last) for first, last in told), ("JORGE", "THOMAS", "HENCHECK"),
        ("JOHN", None, "SMITH"), ("MARY", None, "SMITH"),
    ]  # fmt: skip
    assert column(database, "select organization_name from persons where organization_name is not null") == [
        "ACME OIL LLC"
    ]
