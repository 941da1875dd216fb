"""`cm quality`: the data-quality report on the terminal, as JSON, and as the page that the graph writes every day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cm_core.cli import output
from cm_core.errors import CmError

if TYPE_CHECKING:
    from cm_core.quality import Check, Report

#: Days of imports that people see; `--json` has all, here and below.
_DAYS_SHOWN = 10
#: Failures of a check that people see.
_FAILURES_SHOWN = 5
_COLORS = {"failed": "red", "did not run": "red", "warned": "yellow", "never ran": "dim", "passed": "green"}


def register(app: typer.Typer) -> None:
    """Add the command to `cm`."""
    app.command()(quality)


def quality(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page that prints.", show_default=False)
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days back for which a failed import counts.")] = 1,
) -> None:
    """Show what every check of the data last said, failures first. Exit code 1 if one fails with severity error."""
    from cm_core.cli import runner
    from cm_core.cli.ready import ready

    settings, database = ready()
    report = runner.quality_report(settings, database, days=days)
    if html is not None:
        _write(html, report)
    if as_json:
        output.print_json(report.as_json())
    else:
        _show(report)
    if not report.is_good:
        raise typer.Exit(1)


def _write(path: Path, report: Report) -> None:
    from cm_core.quality import page

    try:
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise CmError(f"Cannot write {path}: {error.strerror}.") from None
    output.err.print(f"Page: {path}")


def _show(report: Report) -> None:
    output.out.print(report.headline)
    for section in report.sections:
        output.print_table(
            ("state", "check", "asset", "severity", "evaluated (UTC)", "import", "rows", "trend, last on the right"),
            [_row(check) for check in section.checks],
            title=section.name,
        )
    for section in report.sections:
        for check in section.checks:
            _show_failures(check)
    _show_imports(report)


def _row(check: Check) -> tuple[Any, ...]:
    latest = check.latest
    return (
        Text(check.state, style=_COLORS[check.state]),
        check.name,
        check.asset,
        check.severity.lower(),
        latest and latest.at.replace(microsecond=0),
        latest and latest.partition,
        check.failing_rows,
        "".join("." if passed else "x" for passed in check.trend),
    )


def _show_failures(check: Check) -> None:
    if check.did_not_run:
        output.out.print(
            f"{check.asset}: {check.name} did not run: its run {check.did_not_run.run_id[:8]} failed before it.",
        )
    for failure in check.failures[:_FAILURES_SHOWN]:
        where = f" ({failure.partition})" if failure.partition else ""
        output.out.print(f"{check.asset}: {check.name}{where}: {failure.description or check.description}")
        if failure.samples:
            rows = [[row.get(column, "") for column in failure.columns] for row in failure.samples]
            output.print_table(failure.columns, rows)


def _show_imports(report: Report) -> None:
    if report.imports is None:
        output.out.print("The mart import_quality is not built yet: `cm dedupe` builds it.")
        return
    output.print_table(
        ("day", "imports", "failed", "rows", "rejected rows", "error percent"),
        [
            (day.day, day.imports, day.failed, f"{day.rows:,}", f"{day.rejected_rows:,}", day.error_percent)
            for day in report.imports[-_DAYS_SHOWN:]
        ],
        title="Imports by day",
    )
