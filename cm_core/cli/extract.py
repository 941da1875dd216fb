"""`cm extract`: plan the slices of legacy tables, run the graph's job over those that are still to be done, say how."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from cm_core import extract as engine
from cm_core.cli import output, runner
from cm_core.extract import Plan, SliceResult
from cm_core.settings import Settings
from cm_core.store.database import Database

_SUMMARY = ("table", "feed", "status", "rows", "bytes", "slices", "extracted_now", "seconds", "rows_per_second")


def extract(settings: Settings, database: Database, tables: list[str], *, anew: bool) -> list[dict[str, Any]]:
    """Extract what has not landed yet; one summary per table. Raises only where nothing could be begun."""
    with output.progress("planning"):
        plans = engine.plans(settings, database, tables, anew=anew)
    return [_extract(settings, plan) for plan in plans]


def show(summaries: list[dict[str, Any]], *, as_json: bool) -> bool:
    """Print what became of each table; whether all of them have landed whole."""
    if as_json:
        output.print_json(summaries[0] if len(summaries) == 1 else summaries)
    else:
        output.print_table(_SUMMARY, [[summary[name] for name in _SUMMARY] for summary in summaries])
    for summary in summaries:
        for error in summary["errors"]:
            output.print_error(f"{summary['table']}: {error}")
        if summary["note"] and not as_json:
            output.out.print(f"  {summary['note']}")
    return all(summary["status"] == "COMPLETE" for summary in summaries)


def _extract(settings: Settings, plan: Plan) -> dict[str, Any]:
    todo = engine.pending(settings, plan)
    started = time.monotonic()
    errors: list[str] = []
    if todo:
        names = plan.slice_names()
        reach = names[names.index(todo[0]) : names.index(todo[-1]) + 1]
        before = len(plan.slices) - len(todo)
        run = runner.run_extract(settings, plan.table, reach, lambda: len(engine.extracted(settings, plan)) - before)
        errors = list(run.errors)
    return _summary(settings, plan, set(todo), time.monotonic() - started, errors)


def _summary(settings: Settings, plan: Plan, todo: set[str], seconds: float, errors: list[str]) -> dict[str, Any]:
    results = engine.extracted(settings, plan)
    now = [result for result in results if result.slice in todo]
    rows_now = sum(result.rows for result in now)
    complete = len(results) == len(plan.slices) and not errors
    return {
        "table": plan.table,
        "feed": plan.feed,
        "status": "COMPLETE" if complete else "FAILED",
        "plan": plan.plan_id,
        "rows": sum(result.rows for result in results),
        "rows_planned": plan.rows,
        "bytes": sum(result.bytes for result in results),
        "slices": f"{len(results)} of {len(plan.slices)}",
        "extracted_now": len(now),
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows_now / seconds) if rows_now else None,
        "errors": errors,
        "note": _note(settings, plan, results) if complete else None,
        "files": [dataclasses.asdict(result) for result in results],
    }


def _note(settings: Settings, plan: Plan, results: list[SliceResult]) -> str | None:
    said = [note] if (note := engine.shortfall(settings, plan)) else []
    for text in sorted({result.note for result in results if result.note}):
        said.append(f"{', '.join(result.slice for result in results if result.note == text)}: {text}")
    return " ".join(said) or None
