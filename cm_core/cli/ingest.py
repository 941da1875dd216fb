"""`cm ingest` and `cm status`: files into the landing zone, through the graph's import job, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cm_core.cli import output, runner
from cm_core.errors import CmError
from cm_core.imports import records, registry, replay_log
from cm_core.imports.batches import order_of
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store.database import Database

#: What is printed of an import in a table.
SUMMARY = ("import_id", "filename", "feed", "status", "total_rows", "inserted", "updated", "skipped", "errors")


def ingest(
    settings: Settings, database: Database, paths: list[Path], *, feed: str | None, uploaded_by: str | None
) -> list[dict[str, Any]]:
    """Register and import files; one summary per file, in order: one per path, several for an archive of several.

    Never raises for a single file's fault.
    """
    summaries: list[dict[str, Any]] = []
    pending: dict[str, list[str]] = {}
    ids: list[str | None] = []
    for path in paths:
        try:
            registrations = registry.register_files(settings, database, path, feed=feed, uploaded_by=uploaded_by)
        except CmError as error:
            ids.append(None)
            summaries.append(_refused(path, error))
            continue
        for registration in registrations:
            ids.append(registration.import_id)
            summaries.append({})
            if registration.status == "PENDING":
                same_kind = pending.setdefault(load_feed(registration.feed).target, [])
                if registration.import_id not in same_kind:  # the same bytes may be named twice
                    same_kind.append(registration.import_id)
    failures: dict[str, str] = {}
    for target in sorted(pending, key=order_of):
        for message in runner.run_imports(settings, pending[target], target).errors:
            import_id, _, reason = message.partition(": ")
            failures.setdefault(import_id, reason)
    return [
        _summary(database, import_id, failures.get(import_id)) if import_id else summary
        for import_id, summary in zip(ids, summaries, strict=True)
    ]


def _summary(database: Database, import_id: str, failure: str | None) -> dict[str, Any]:
    """What is on record of an import, and why its run failed where the record could not be told."""
    summary = records.get(database, import_id).as_json()
    if failure and summary["status"] in records.UNFINISHED:
        summary["reason"] = failure
    return summary


def show(summaries: list[dict[str, Any]], *, as_json: bool) -> bool:
    """Print what became of each file; whether all of them are in (or were in already)."""
    if as_json:
        output.print_json(summaries[0] if len(summaries) == 1 else summaries)
    else:
        output.print_table(SUMMARY, [[summary[name] for name in SUMMARY] for summary in summaries])
    for summary in summaries:
        if summary["status"] not in ("COMPLETE", "DUPLICATE"):
            output.print_error(f"{summary['filename']}: {summary['status']}: {summary['reason']}")
        elif not as_json:
            for name, url in summary["reports"].items():
                output.out.print(f"  {name.replace('_', ' ')}: {url}")
            if summary["reason"]:
                output.out.print(f"  {summary['reason']}")
    return all(summary["status"] in ("COMPLETE", "DUPLICATE") for summary in summaries)


def show_status(database: Database, import_id: str | None, *, as_json: bool) -> None:
    """Print one import in full, or the latest imports."""
    if import_id is not None:
        record = records.get(database, import_id)
        if as_json:
            output.print_json(record.as_json())
        else:
            output.print_facts(_facts(record))
            _show_replays(database, import_id)
        return
    found = records.latest(database)
    if as_json:
        output.print_json([record.as_json() for record in found])
    elif not found:
        output.out.print("No imports yet. `cm ingest FILE` imports one.")
    else:
        output.print_table(SUMMARY, [[record.as_json()[name] for name in SUMMARY] for record in found])


def _show_replays(database: Database, import_id: str) -> None:
    """The replays of an import, if there were any."""
    columns = ("replay_no", "mode", "status", "brought_in", "requested_by", "requested_at", "corrected_file", "reason")
    made = [replay.as_json() for replay in replay_log.replays_of(database, import_id)]
    if made:
        output.print_table(columns, [[replay[name] for name in columns] for replay in made], title="Replays")


def _facts(record: ImportRecord) -> dict[str, Any]:
    summary = record.as_json()
    reports = summary.pop("reports")
    facts = {name.replace("_", " "): value for name, value in summary.items() if value is not None}
    return facts | {name.replace("_", " "): url for name, url in reports.items()}


def _refused(path: Path, error: CmError) -> dict[str, Any]:
    """A summary for a path that did not become an import, in the form of `ImportRecord.as_json`.

    REJECTED where the path is at fault, FAILED where the store or another process is and a later try may do.
    """
    return {
        "import_id": None, "filename": registry.readable(path.name), "feed": None,
        "status": "FAILED" if error.retryable else "REJECTED", "reason": str(error),
        "duplicate_of": None, "total_rows": 0, "inserted": 0, "updated": 0, "skipped": 0, "errors": 0,
        "duration_sec": 0.0, "reports": {},
    }  # fmt: skip
