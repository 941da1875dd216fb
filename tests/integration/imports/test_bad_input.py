"""Every kind of bad input: a status with a reason, a report, and canonical tables that are as before."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cm_core.errors import CmError, DatabaseUnavailable, FileRejected, ImportFailed
from cm_core.imports import feed_catalog, pipeline, records, registry
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import HOLD
from cm_core.lake import lake, landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People
from tests.integration.imports.steps import (
    assert_conserved,
    attempt,
    checksum,
    column,
    counts,
    error_report,
    import_file,
    query,
    run,
    unchanged,
)

GOOD = b"Name,Phone,Zip\nJohn Smith,405-555-2345,73069\nMary Jones,(405) 321-4567,73069\n"


@pytest.fixture
def people(database: Database) -> None:
    """Somebody is known already, so that there is something to spoil."""
    known = People(database)
    known.phone(known.person(5000), "+14055552345")
    known.email(known.person(5001), "mary@example.org")
    known.address(5001, "1 MAIN ST|73069")


@dataclass(frozen=True)
class Refused:
    """A file that is no import, and words that its reason must have."""

    content: bytes
    says: tuple[str, ...]
    feed: str | None = None
    name: str = "bad.csv"


REFUSED = {
    "empty": Refused(b"", ("empty",)),
    "blank": Refused(b"\n\r\n  \n", ("empty",)),
    "header only": Refused(b"Name,Phone\n", ("header", "no rows")),
    "header and blank lines": Refused(b"Name,Phone\n\n\n", ("header", "no rows")),
    "binary": Refused(os.urandom(5000).replace(b"\n", b"\x01") + bytes(range(32)) * 40, ("binary",)),
    "torn archive": Refused(b"PK\x03\x04" + b"\x14\x00\x06\x00" * 200, ("damaged or cut off", "Transfer it again")),
    "torn gzip": Refused(gzip.compress(GOOD * 50)[:-20], ("damaged or cut off",)),
    "torn SQLite file": Refused(b"SQLite format 3\x00" + b"\x10\x00\x01\x01\x00" * 100, ("SQLite",)),
    "torn Parquet file": Refused(b"PAR1" + b"\x00" * 500, ("Parquet",)),
    "dump without tables": Refused(b"-- MySQL dump 10.13\nSET NAMES utf8mb4;\n", ("CREATE TABLE", "INSERT")),
    "unknown feed": Refused(GOOD, ("Unknown feed 'owners'", "contacts"), feed="owners"),
    "no usable column": Refused(b"Well,Depth\nA1,100\n", ("No usable column", "full_name", "'Well'")),
    "wrong layout": Refused(GOOD, ("declares 45 columns", "has 3"), feed="voter_ny"),
    "nul bytes": Refused(b"Name,Phone\n" + b"\x00" * 30_000, ("binary", "bad")),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_no_import_is_rejected_with_the_reason(
    settings: Settings, database: Database, tmp_path: Path, people: None, case: Refused
) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    with unchanged(database):
        record, error = attempt(settings, database, path, feed=case.feed)
    assert record.status == "REJECTED"
    assert record.status_reason
    assert "\n" not in record.status_reason
    for words in case.says:
        assert words in record.status_reason
    assert error is None or str(error) == record.status_reason
    assert counts(record) == (None,) * 5
    assert record.finished_at is not None
    assert column(database, "select count(*) from staging_raw_import where import_id = %s", (record.import_id,)) == [0]
    operations = column(
        database, "select operation from import_audit_log where import_id = %s order by id", (record.import_id,)
    )
    assert (operations[0], operations[-1]) == ("STATUS_PENDING", "STATUS_REJECTED")


def test_a_rejected_file_has_reports_that_say_why(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "wells.csv"
    path.write_bytes(b"Well,Depth\nA1,100\n")
    record, _ = attempt(settings, database, path)
    assert set(record.reports) == {"success_report", "error_report", "checklist"}
    assert error_report(settings, record.import_id) == []
    checklist = json.loads(lake(settings).get_bytes(f"reports/{record.import_id}/checklist.json"))
    assert checklist["overall_status"] == "REJECTED"
    assert checklist["status_reason"] == record.status_reason


@pytest.mark.parametrize("kind", ["missing", "directory", "device", "too long a name"])
def test_a_path_that_is_no_file_is_refused_before_anything_is_registered(
    settings: Settings, database: Database, tmp_path: Path, kind: str
) -> None:
    path = {
        "missing": tmp_path / "nowhere" / "owners.csv",
        "directory": tmp_path,
        "device": Path("/dev/null"),
        "too long a name": tmp_path / ("x" * 300 + ".csv"),
    }[kind]
    with pytest.raises(FileRejected) as refused:
        registry.register_file(settings, database, path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert column(database, "select count(*) from import_metadata") == [0]


def test_a_file_over_the_limit_is_rejected_and_not_stored(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(GOOD)
    small = settings.model_copy(update={"max_file_bytes": len(GOOD) - 1})
    record, _ = attempt(small, database, path)
    assert record.status == "REJECTED"
    assert record.status_reason is not None
    assert "limit" in record.status_reason
    assert list(landing_zone(settings).list()) == []

    exact = settings.model_copy(update={"max_file_bytes": len(GOOD)})
    assert import_file(exact, database, path).status == "COMPLETE"


def test_a_feed_that_is_declared_later_takes_the_file(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(GOOD)
    record, _ = attempt(settings, database, path, feed="not_yet")
    assert record.status == "REJECTED"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "feed_names", lambda: ["contacts", "not_yet"])
        patch.setattr(registry, "load_feed", lambda name: load_feed("contacts"))
        assert registry.register_file(settings, database, path, feed="not_yet").status == "PENDING"


def test_bad_rows_are_reported_and_the_rest_goes_on(
    settings: Settings, database: Database, tmp_path: Path, people: None
) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(
        b"Name,Phone,Email\n"
        b"Ann Able,405-555-1001,ann@example.org\n"
        b"Bob\n"
        b"Cid Cole,405-555-1003,cid@example.org,surplus\n"
        b'Dee "Dot" Dunn,405-555-1004,dee@example.org\n'
        b'"Eve Eaton,405-555-1005,eve@example.org\n'
        b"F\x00y Foss,405-555-1006,fay@example.org\n"
        b",,\n"
        b",12,not-an-email\n"
        b"Gus Gray,12,not-an-email\n"
        b"Ann Able,405-555-1001,ann@example.org\n"
    )
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (10, 3, 0, 1, 6)
    report = error_report(settings, record.import_id)
    assert [(int(row["row_number"]), row["error_type"], row["row_status"]) for row in report] == [
        (2, "WIDTH", "rejected"),
        (3, "WIDTH", "rejected"),
        (5, "WIDTH", "rejected"),
        (6, "ENCODING", "rejected"),
        (7, "MISSING_REQUIRED", "rejected"),
        (8, "MISSING_REQUIRED", "rejected"),
        (8, "VALIDATION", "rejected"),
        (8, "VALIDATION", "rejected"),
        (9, "VALIDATION", "kept"),
        (9, "VALIDATION", "kept"),
        (10, "DUPLICATE", "kept"),
    ]
    by_row = {int(row["row_number"]): row for row in report}
    assert by_row[2]["error_message"] == "The row has 1 fields, the header has 3"
    assert by_row[3]["raw_row"] == "Cid Cole,405-555-1003,cid@example.org,surplus"
    assert by_row[6]["field_name"] == "Name"
    assert "\\x00" in by_row[6]["raw_row"]
    assert json.loads(by_row[8]["raw_row"]) == {"Name": None, "Phone": "12", "Email": "not-an-email"}
    values = {(row["field_name"], row["field_value"]) for row in report if row["row_number"] == "9"}
    assert values == {("phone", "12"), ("email", "not-an-email")}
    assert by_row[10]["error_message"] == "The same as row 1 in every column"
    logged = query(
        database,
        "select `row_number`, error_type, row_status from import_validation_log where import_id = %s",
        (record.import_id,),
    )
    assert sorted(logged) == sorted((int(r["row_number"]), r["error_type"], r["row_status"]) for r in report)
    checklist = json.loads(lake(settings).get_bytes(f"reports/{record.import_id}/checklist.json"))
    assert checklist["overall_status"] == "COMPLETE_WITH_ERRORS"


def test_a_file_of_bad_rows_only_is_in_the_error_report_whole(
    settings: Settings, database: Database, tmp_path: Path, people: None
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(b"Name,Phone\nx\ny\n\x00,1\n")
    with unchanged(database):
        record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (3, 0, 0, 0, 3)


def test_invalid_values_of_a_kept_row_stay_raw(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_bytes(b"Name,Phone,Email\nGus Gray,405-123-45,gus at example\n")
    record = import_file(settings, database, path)
    assert counts(record) == (1, 1, 0, 0, 0)
    assert query(database, "select phone_raw, phone_e164, invalid_reason is null from phone_numbers") == [
        ("405-123-45", None, 0)
    ]
    assert query(database, "select email_raw, email, invalid_reason is null from email_addresses") == [
        ("gus at example", None, 0)
    ]


@pytest.fixture
def ascii_feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A feed like contacts that declares its files to be UTF-8."""
    source = Path(feed_catalog.__file__).parent / "feeds" / "contacts.yaml"
    folder = tmp_path / "catalog" / "feeds"
    folder.mkdir(parents=True)
    (folder / "contacts.yaml").write_bytes(source.read_bytes())
    (folder / "strict.yaml").write_text(
        "name: strict\ntarget: contacts\nschema_version: v1\nextends: contacts\ndescription: x\n"
        "format: {delimiter: ',', encoding: utf-8}\n"
    )
    monkeypatch.setattr(feed_catalog, "files", lambda package: folder.parent)
    load_feed.cache_clear()
    yield "strict"
    load_feed.cache_clear()


def test_bytes_that_are_not_the_declared_encoding_cost_their_row(
    settings: Settings, database: Database, tmp_path: Path, ascii_feed: str
) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"Name,Phone\nJos\xe9 Diaz,405-555-1001\nJos\xc3\xa9 Diaz,405-555-1002\nAnn Able,405-555-1003\n")
    record = import_file(settings, database, path, feed=ascii_feed)
    assert_conserved(settings, database, record)
    assert counts(record) == (3, 2, 0, 0, 1)
    (row,) = error_report(settings, record.import_id)
    assert (row["row_number"], row["error_type"], row["field_name"]) == ("1", "ENCODING", "Name")
    assert "utf-8" in row["error_message"]
    assert "Jos\\xe9 Diaz" in row["raw_row"]
    assert column(database, "select first_name from persons where last_key = 'DIAZ'") == ["José"]


@pytest.mark.parametrize("field", ["name", "unmapped"])
def test_a_field_of_a_hundred_thousand_characters_harms_nobody_else(
    settings: Settings, database: Database, tmp_path: Path, people: None, field: str
) -> None:
    long = "Long " * 20_000
    name, note = (long, "x") if field == "name" else ("Ann Able", long)
    path = tmp_path / "long.csv"
    path.write_text(f"Name,Phone,Note\n{name},405-555-1001,{note}\nBob Bell,405-555-1002,y\n", encoding="utf-8")
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (2, 2, 0, 0, 0)
    raws = column(
        database, "select raw from staging_raw_import where import_id = %s order by `row_number`", (record.import_id,)
    )
    assert json.loads(raws[0])["Name" if field == "name" else "Note"] == long
    findings = [
        (row["row_number"], row["field_name"], row["row_status"]) for row in error_report(settings, record.import_id)
    ]
    assert findings == ([("1", "name", "kept")] if field == "name" else [])
    assert column(database, "select count(*) from persons where last_key in ('ABLE', 'BELL')") == [
        1 if field == "name" else 2
    ]


def test_a_field_over_the_limit_of_the_settings_rejects_its_row(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"Name,Phone\nAnn {'x' * 600},405-555-1001\nBob Bell,405-555-1002\n", encoding="utf-8")
    record = import_file(settings.model_copy(update={"max_field_chars": 500}), database, path)
    assert counts(record) == (2, 1, 0, 0, 1)
    (row,) = error_report(settings, record.import_id)
    assert (row["row_number"], row["error_type"], row["field_name"]) == ("1", "VALIDATION", "Name")


def test_a_file_that_changed_after_registration_fails_the_import(
    settings: Settings, database: Database, tmp_path: Path, people: None
) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(b"Name,Phone\nAnn Able,405-555-1001\n")
    registration = registry.register_file(settings, database, path)
    record = records.get(database, registration.import_id)
    stored = landing_zone(settings).local_path(record.landing_key)
    assert stored is not None
    stored.write_bytes(b"Name,Phone\nSomebody Else,405-555-1009\n")
    with unchanged(database), pytest.raises(ImportFailed, match="has changed since it was registered"):
        run(settings, database, registration.import_id)
    record = records.get(database, registration.import_id)
    assert record.status == "FAILED"
    assert record.s3_location in str(record.status_reason)


def test_a_file_that_vanished_after_registration_fails_the_import(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(GOOD)
    registration = registry.register_file(settings, database, path)
    stored = landing_zone(settings).local_path(records.get(database, registration.import_id).landing_key)
    assert stored is not None
    stored.unlink()
    with pytest.raises(CmError, match="is not there"):
        run(settings, database, registration.import_id)
    assert records.get(database, registration.import_id).status == "FAILED"


def test_a_failed_import_is_taken_up_again_under_its_own_id(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(GOOD)
    registration = registry.register_file(settings, database, path)
    stored = landing_zone(settings).local_path(records.get(database, registration.import_id).landing_key)
    assert stored is not None
    stored.rename(stored.with_suffix(".gone"))
    with pytest.raises(CmError):
        run(settings, database, registration.import_id)
    stored.with_suffix(".gone").rename(stored)
    record = import_file(settings, database, path)
    assert (record.import_id, record.status, record.status_reason) == (registration.import_id, "COMPLETE", None)
    assert record.attempt == 2


def test_a_database_that_goes_away_in_between_leaves_the_import_to_be_taken_up_again(
    settings: Settings, database: Database, tmp_path: Path, people: None
) -> None:
    path = tmp_path / "owners.csv"
    path.write_bytes(GOOD)
    import_id = registry.register_file(settings, database, path).import_id
    pipeline.check_raw(settings, database, import_id)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = Database(database.url.set(port=probe.getsockname()[1]))
    with unchanged(database), pytest.raises(DatabaseUnavailable, match=gone.where) as failed:
        pipeline.stage(settings, gone, import_id)
    assert "\n" not in str(failed.value)
    assert failed.value.retryable
    assert records.get(database, import_id).status == "VALIDATING"
    HOLD.release(import_id)
    record = import_file(settings, database, path)
    assert (record.import_id, record.status) == (import_id, "COMPLETE")


NAMES = {
    "spaces and signs": "Owner list (2026) 50% & more #1 + ~x.csv",
    "letters of the world": "Grüße 日本.csv",
    "long": "あ" * 80 + ".csv",
    "no extension": "owners",
    "many dots": "a.b.c...csv",
    "quotes": 'o\'brien "x".csv',
    "line break": "two\nlines.csv",
    "not utf-8": os.fsdecode(b"caf\xe9.csv"),
    "like a placeholder": "{import_id} %s ${HOME}.csv",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_file_name_is_taken(settings: Settings, database: Database, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD)
    found = registry.register_file(settings, database, path)
    assert pipeline.check_raw(settings, database, found.import_id).size_bytes == len(GOOD)
    HOLD.release(found.import_id)
    record = records.get(database, found.import_id)
    assert record.status == "VALIDATING"
    assert record.filename == name or "\udce9" in name
    assert re.match(r"raw-uploads/\d{4}/\d\d/\d\d/\d\d/.+_\d{8}_\d{6}", record.landing_key)
    assert registry.scan_landing(settings, database) == []


def test_findings_beyond_the_setting_stay_in_the_report(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("Name,Phone\n" + "".join(f"Person {n:04},{n % 10}\n" for n in range(50)) + "x\n" * 5)
    record = import_file(settings.model_copy(update={"validation_log_rows_per_import": 10}), database, path)
    assert counts(record)[0] == 55
    assert len(error_report(settings, record.import_id)) >= 55
    statuses = column(
        database, "select row_status from import_validation_log where import_id = %s", (record.import_id,)
    )
    assert sorted(statuses) == ["kept"] * 5 + ["rejected"] * 5


def test_rows_beyond_the_setting_are_staged_in_the_lake_only(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "many.csv"
    path.write_text("Name,Phone\n" + "".join(f"Person Nr{n},405-555-{n:04}\n" for n in range(20)))
    record = import_file(settings.model_copy(update={"staging_rows_per_import": 7}), database, path)
    assert_conserved(settings, database, record)
    staged = column(database, "select `row_number` from staging_raw_import where import_id = %s", (record.import_id,))
    assert sorted(staged) == list(range(1, 8))
    before = checksum(database)
    run(settings, database, record.import_id)
    assert checksum(database) == before
