"""The reports of an import and its record, as the seed (D2, D4) has them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from cm_core.imports import records
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import assert_conserved, counts, error_report, import_file


def test_the_error_report_is_all_that_is_needed_to_mend(settings: Settings, database: Database, tmp_path: Path) -> None:
    """The text of each record that could not be read, byte for byte, quotes, line breaks and spaces included."""
    records_ = [
        'Ann Able,"two\r\nlines ""quoted"" \\x00",x\r\n',
        ' "Bob" Bell ,405-321-1002\r\n',
        "Cid,\u00e9\u4e2d ,z, \t,q\r\n",
        "Dan\r\n",
    ]
    path = tmp_path / "bad.csv"
    path.write_bytes(("Name,Phone,Email\r\n" + "".join(records_)).encode().replace(b"\\x00", b"\x00"))
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    report = error_report(settings, record.import_id)
    assert list(report[0])[:5] == ["row_number", "error_type", "field_name", "field_value", "error_message"]
    assert [row["raw_row"] for row in report] == [text.removesuffix("\r\n") for text in records_]
    text = lake(settings).get_bytes(f"error-logs/{record.import_id}_errors.csv").decode()
    assert [row["raw_row"] for row in csv.DictReader(io.StringIO(text, newline=""))] == [
        text.removesuffix("\r\n") for text in records_
    ]


def test_a_required_value_that_is_missing_is_shown_as_null(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "missing.csv"
    path.write_text("Name,Phone\n,12\nAnn Able,405-321-1001\n")
    record = import_file(settings, database, path)
    missing = [row for row in error_report(settings, record.import_id) if row["error_type"] == "MISSING_REQUIRED"]
    assert [(row["row_number"], row["field_name"], row["field_value"]) for row in missing] == [("1", "name", "NULL")]


def test_every_error_type_is_produced(settings: Settings, database: Database, tmp_path: Path) -> None:
    """The six of the seed and the issue, each by one row of one file; what is said of each can be acted upon."""
    path = tmp_path / "all.csv"
    path.write_bytes(
        b"Name,Email,Phone,Updated\n"
        b"Ann Able,invalid@@email,405-321-1001,\n"  # VALIDATION
        b",,,\n"  # MISSING_REQUIRED
        b"Bob Bell,bob@example.org,,\n"
        b"Bob Bell,bob@example.org,,\n"  # DUPLICATE
        b"Cid Cole,cid@example.org\n"  # WIDTH
        b"D\x00n Dunn,,,\n"  # ENCODING
        b"Eve Eaton,eve@example.org,,yesterday\n"  # TYPE
    )
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    report = error_report(settings, record.import_id)
    assert [(int(row["row_number"]), row["error_type"], row["row_status"]) for row in report] == [
        (1, "VALIDATION", "kept"),
        (2, "MISSING_REQUIRED", "rejected"),
        (4, "DUPLICATE", "kept"),
        (5, "WIDTH", "rejected"),
        (6, "ENCODING", "rejected"),
        (7, "TYPE", "kept"),
    ]
    assert all(row["error_message"] for row in report)
    assert all(bool(row["raw_row"]) == (row["row_status"] == "rejected") for row in report)


def test_the_reports_have_the_columns_of_the_seed(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("Name,Phone\nAnn Able,405-321-1001\n,\n")
    record = import_file(settings, database, path)
    success = lake(settings).get_bytes(f"reports/{record.import_id}/success.csv").decode()
    (line,) = csv.DictReader(io.StringIO(success))
    assert list(line) == [
        "import_id", "filename", "total_rows", "inserted", "updated", "skipped", "errors", "duration_sec", "status",
    ]  # fmt: skip
    shown = [line[name] for name in ("filename", "total_rows", "inserted", "updated", "skipped", "errors", "status")]
    assert shown == ["leads.csv", "2", "1", "0", "0", "1", "COMPLETE"]
    assert float(line["duration_sec"]) > 0
    errors = lake(settings).get_bytes(f"error-logs/{record.import_id}_errors.csv").decode()
    assert errors.splitlines()[0].split(",")[:5] == [
        "row_number", "error_type", "field_name", "field_value", "error_message",
    ]  # fmt: skip


def test_the_record_has_every_field_of_the_seed(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("Name,Phone\nAnn Able,405-321-1001\n,\n")
    import_file(settings, database, path)
    (record,) = records.latest(database)
    assert counts(record) == (2, 1, 0, 0, 1)
    for name in (
        "import_id", "filename", "s3_location", "uploaded_by", "uploaded_at", "file_size_bytes", "row_count",
        "checksum_sha256", "schema_version", "status", "processing_duration_seconds", "success_count", "error_count",
        "error_log_s3",
    ):  # fmt: skip
        assert getattr(record, name) not in (None, ""), name
    shown = record.as_json()
    assert {"schema_version", "uploaded_by", "uploaded_at", "checksum_sha256", "s3_location", "file_size_bytes"} <= set(
        shown
    )
    assert shown["reports"]["error_report"] == record.error_log_s3
