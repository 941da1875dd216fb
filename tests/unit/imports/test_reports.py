"""The validation checklist of an import (seed D4) for every way that one can end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cm_core.imports.records import FEED_BY_NAME, ImportRecord
from cm_core.imports.reports import FindingCounts, build_checklist

_NOON = datetime(2026, 3, 1, 12)


def _record(**fields: Any) -> ImportRecord:
    """A COMPLETE import of ten rows, eight inserted, one skipped, one rejected."""
    values: dict[str, Any] = dict.fromkeys(ImportRecord.__dataclass_fields__)
    values |= {
        "import_id": "imp_2026_03_01_001", "feed": "contacts", "filename": "owners.csv", "source_type": "csv",
        "landing_key": "raw-uploads/owners.csv", "s3_location": "file:///landing/raw-uploads/owners.csv",
        "uploaded_at": _NOON, "source_date": _NOON, "file_size_bytes": 100, "checksum_sha256": "0" * 64,
        "status": "COMPLETE", "attempt": 1, "file_format": {"format": "csv"}, "row_count": 10, "success_count": 10,
        "inserted_count": 9, "updated_count": 0, "skipped_count": 1, "error_count": 0,
    }  # fmt: skip
    return ImportRecord(**(values | fields))


def _statuses(record: ImportRecord, **counts: int) -> dict[str, str]:
    checklist = build_checklist(record, FindingCounts(**counts))
    return {check["check"]: check["status"] for check in checklist["checks"]} | {"": checklist["overall_status"]}


def test_a_clean_import_passes_every_check() -> None:
    statuses = _statuses(_record())
    assert statuses.pop("") == "COMPLETE"
    assert len(statuses) >= 7
    assert set(statuses.values()) == {"PASS"}


def test_a_rejected_row_is_an_error_whatever_the_reason() -> None:
    statuses = _statuses(_record(success_count=9, inserted_count=8, error_count=1))
    assert statuses.pop("") == "COMPLETE_WITH_ERRORS"
    assert set(statuses.values()) == {"PASS"}


def test_the_seeds_checks_are_all_there() -> None:
    assert {
        "File readable", "Schema matches expected", "Required fields present", "Row count matches file",
        "Duplicate rows in batch", "Invalid emails", "Invalid phones", "Data types valid",
    } <= set(_statuses(_record()))  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "check"),
    [
        ({"invalid_emails": 2}, "Invalid emails"),
        ({"invalid_phones": 1}, "Invalid phones"),
        ({"bad_types": 1}, "Data types valid"),
        ({"missing_required": 1}, "Required fields present"),
        ({"unreadable_rows": 1}, "Rows of the right width and encoding"),
    ],
)
def test_each_finding_fails_its_own_check_and_no_other(counts: dict[str, int], check: str) -> None:
    statuses = _statuses(_record(), **counts)
    assert statuses.pop("") == "COMPLETE_WITH_ERRORS"
    assert [name for name, status in statuses.items() if status == "FAIL"] == [check]


def test_repeated_rows_are_a_warning_only() -> None:
    statuses = _statuses(_record(), duplicate_rows=3)
    assert statuses.pop("") == "COMPLETE"
    assert [name for name, status in statuses.items() if status != "PASS"] == ["Duplicate rows in batch"]


def test_rows_that_do_not_add_up_fail() -> None:
    statuses = _statuses(_record(success_count=8))
    assert statuses["Row count matches file"] == "FAIL"
    assert statuses[""] == "COMPLETE_WITH_ERRORS"


@pytest.mark.parametrize("file_format", [None, FEED_BY_NAME])
def test_a_file_that_cannot_be_read_fails_all_that_needs_it(file_format: dict[str, str] | None) -> None:
    record = _record(
        status="REJECTED", status_reason="The file is empty.", file_format=file_format, row_count=None,
        success_count=None, error_count=None,
    )  # fmt: skip
    checklist = build_checklist(record, FindingCounts())
    statuses = {check["check"]: check["status"] for check in checklist["checks"]}
    assert checklist["overall_status"] == "REJECTED"
    assert checklist["status_reason"] == "The file is empty."
    for name in ("File readable", "Schema matches expected", "Required fields present", "Row count matches file"):
        assert statuses[name] == "FAIL"


def test_a_readable_file_without_a_usable_column_fails_the_schema_only() -> None:
    statuses = _statuses(_record(status="REJECTED", row_count=None, success_count=None, error_count=None))
    assert (statuses["File readable"], statuses["Schema matches expected"]) == ("PASS", "FAIL")


def test_an_import_that_failed_after_staging_keeps_its_status() -> None:
    statuses = _statuses(_record(status="FAILED", success_count=None))
    assert statuses[""] == "FAILED"
    assert statuses["Row count matches file"] == "PASS"
