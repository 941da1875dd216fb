"""The three reports of an import (seed D4): success CSV, error CSV, validation checklist JSON, kept in the lake."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cm_core.compute import session
from cm_core.imports import records, replay_log
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.imports.records import ImportRecord
from cm_core.imports.staged import staged_key
from cm_core.lake import ObjectStore, lake
from cm_core.settings import Settings
from cm_core.store.database import Database

_SUCCESS_HEADER = (
    "import_id", "filename", "total_rows", "inserted", "updated", "skipped", "errors", "duration_sec", "status",
)  # fmt: skip
# The seed's columns in its order, then ours. A missing value of a field is NULL, as in the seed's example.
_ERROR_QUERY = """
copy (
    select
        row_number, error_type, field_name,
        case when field_value is null and field_name is not null then 'NULL' else field_value end as field_value,
        error_message, row_status, raw_row
    from read_parquet('{source}')
    {order}
) to '{target}' (format csv, header true)
"""
_IN_ORDER = "order by row_number, error_type, field_name, field_value"
#: Raw texts beyond this, of records that are so long on average, are not sorted: DuckDB holds them in memory for that.
#: Staged findings are in the order of rows anyway, but for repeated rows, which come last.
_SORTED_BYTES, _LONG_RECORD_BYTES = 64 << 20, 8 << 10
_ERROR_HEADER = "row_number,error_type,field_name,field_value,error_message,row_status,raw_row\n"
_COUNTS_QUERY = """
select
    count(*) filter (where error_type = 'DUPLICATE'),
    count(*) filter (where error_type = 'VALIDATION' and field_name = 'email'),
    count(*) filter (where error_type = 'VALIDATION' and field_name = 'phone'),
    count(*) filter (where error_type = 'TYPE'),
    count(distinct row_number) filter (where error_type = 'MISSING_REQUIRED'),
    count(distinct row_number) filter (where error_type in ('WIDTH', 'ENCODING')),
    count(distinct row_number) filter (where row_status = 'rejected')
from read_parquet('{source}')
"""


@dataclass(frozen=True)
class Reports:
    """Locations of an import's reports, and the checklist itself."""

    success_csv: str
    error_csv: str
    checklist_json: str
    checklist: dict[str, Any]
    overall_status: str


def write(settings: Settings, database: Database, import_id: str) -> Reports:
    """Write the reports of an import in whatever state it is, and note their places in `import_metadata`.

    The error report lists rejected rows with their raw text, and values that are invalid in rows that were kept
    (`row_status` tells which).
    """
    record = records.get(database, import_id)
    store = lake(settings)
    keys = {
        "success": f"reports/{import_id}/success.csv",
        "errors": f"error-logs/{import_id}_errors.csv",
        "checklist": f"reports/{import_id}/checklist.json",
    }
    store.put_bytes(_success_csv(record).encode(), keys["success"])
    last = replay_log.applied_parts(database, import_id)[-1]
    counts = _write_errors(settings, store, staged_key(import_id, "findings", last), keys["errors"])
    checklist = build_checklist(record, counts)
    store.put_bytes(json.dumps(checklist, indent=2).encode(), keys["checklist"])
    with database.connect() as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "update import_metadata set success_report_s3 = %s, error_log_s3 = %s, checklist_s3 = %s "
                "where import_id = %s",
                (store.url(keys["success"]), store.url(keys["errors"]), store.url(keys["checklist"]), import_id),
            )
        connection.commit()
    return Reports(
        store.url(keys["success"]), store.url(keys["errors"]), store.url(keys["checklist"]), checklist,
        checklist["overall_status"],
    )  # fmt: skip


@dataclass(frozen=True)
class FindingCounts:
    """What the findings of an import add up to; rows where a row is meant, else findings."""

    duplicate_rows: int = 0
    invalid_emails: int = 0
    invalid_phones: int = 0
    bad_types: int = 0
    missing_required: int = 0
    unreadable_rows: int = 0
    rejected_rows: int = 0


def build_checklist(record: ImportRecord, counts: FindingCounts) -> dict[str, Any]:
    """The seed's checklist (D4) for an import.

    Each check is PASS, WARN (somebody should look) or FAIL; `overall_status` is COMPLETE, COMPLETE_WITH_ERRORS (a check
    fails, or a row was rejected), or the import's own status where it is not complete.
    """
    readable = record.is_read
    staged = record.row_count is not None
    accounted = (record.success_count or 0) + (record.error_count or 0)
    done = record.status == "COMPLETE"

    def check(name: str, status: str, **details: Any) -> dict[str, Any]:
        return {"check": name, "status": status, **details}

    def graded(name: str, count: int, bad: str) -> dict[str, Any]:
        return check(name, "PASS" if count == 0 else bad, count=count)

    checks = [
        check(
            "File readable", "PASS" if readable else "FAIL", **({} if readable else {"reason": record.status_reason})
        ),
        _schema_line(record),
        graded("Required fields present", counts.missing_required, "FAIL")
        if readable and staged
        else check("Required fields present", "FAIL"),
        check(
            "Row count matches file",
            "PASS" if staged and (not done or accounted == record.row_count) else "FAIL",
            expected=record.row_count,
            actual=accounted if done else None,
        ),
        graded("Rows of the right width and encoding", counts.unreadable_rows, "FAIL"),
        graded("Duplicate rows in batch", counts.duplicate_rows, "WARN"),
        graded("Invalid emails", counts.invalid_emails, "FAIL"),
        graded("Invalid phones", counts.invalid_phones, "FAIL"),
        graded("Data types valid", counts.bad_types, "FAIL"),
    ]
    overall = record.status
    if done:
        clean = not record.error_count and all(item["status"] != "FAIL" for item in checks)
        overall = "COMPLETE" if clean else "COMPLETE_WITH_ERRORS"
    return {
        "import_id": record.import_id,
        "filename": record.filename,
        "status_reason": record.status_reason,
        "checks": checks,
        "overall_status": overall,
    }


def _schema_line(record: ImportRecord) -> dict[str, Any]:
    """The line about the file's columns: FAIL where they reject it, WARN where they are not those of the last time."""
    line: dict[str, Any] = {"check": "Schema matches expected", "status": "PASS"}
    if not record.is_read or (record.status == "REJECTED" and record.row_count is None):
        return {**line, "status": "FAIL"}
    schema = (record.file_format or {}).get("schema", {})
    details = {
        name: schema[name]
        for name in ("compared_with", "new_columns", "missing_columns", "notes", "refusal")
        if schema.get(name)
    }
    return {**line, "status": schema.get("status", "PASS"), **(details if schema.get("status") != "PASS" else {})}


def _success_csv(record: ImportRecord) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_SUCCESS_HEADER)
    summary = record.as_json()
    writer.writerow([summary[name] for name in _SUCCESS_HEADER])
    return out.getvalue()


def _write_errors(settings: Settings, store: ObjectStore, staged: str, key: str) -> FindingCounts:
    """The error report from the staged findings; only a header where the file never got that far."""
    if not store.exists(staged):
        store.put_bytes(_ERROR_HEADER.encode(), key)
        return FindingCounts()
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="report-", dir=settings.scratch_dir) as folder, session(settings) as con:
        path = store.materialize(staged, Path(folder))
        source = str(path).replace("'", "''")
        target = Path(folder) / "errors.csv"
        order = _IN_ORDER
        if _are_long(path):
            order = ""
            con.execute("set preserve_insertion_order = true; set threads = 1")
        con.execute(_ERROR_QUERY.format(source=source, target=str(target).replace("'", "''"), order=order))
        store.put_file(target, key)
        return FindingCounts(*con.execute(_COUNTS_QUERY.format(source=source)).fetchall()[0])


def _are_long(path: Path) -> bool:
    """Whether the findings of this Parquet file have raw texts that are not to be sorted."""
    facts = pq.read_metadata(path)
    place = facts.schema.names.index("raw_row")
    size = sum(facts.row_group(group).column(place).total_uncompressed_size for group in range(facts.num_row_groups))
    return bool(size > max(_SORTED_BYTES, facts.num_rows * _LONG_RECORD_BYTES))


def known_target(feed: str) -> str | None:
    """The target of a feed by name, None where the feed is unknown."""
    return load_feed(feed).target if feed in feed_names() else None
