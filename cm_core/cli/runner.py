"""The command line's way into the asset graph: the same jobs that the sensors run, in the instance the UI shows.

`cm_core` does not import the graph; it is found by name when a command needs it.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cm_core.cli.output import progress
from cm_core.settings import Settings

if TYPE_CHECKING:
    from cm_core.quality import Report
    from cm_core.store import Database

#: The module that runs jobs of the graph.
LAUNCHER = "cm_assets.launch"
#: The module that knows what its checks said.
QUALITY = "cm_assets.quality"


def run_imports(settings: Settings, import_ids: list[str], target: str, *, verb: str = "importing") -> Any:
    """Run the import job of `target` for each import; returns the launcher's result (`success`, `errors`)."""
    with (
        _quiet(settings),
        progress(f"{verb} {len(import_ids)} file{'s' if len(import_ids) > 1 else ''}") as bar,
    ):
        return _launcher().run_import(settings, import_ids, target, on_event=_shown_in(bar))


def run_extract(settings: Settings, table: str, slices: list[str], landed: Callable[[], int]) -> Any:
    """Run the job that extracts slices of a table; `landed()` says how many have landed, for the bar."""
    with (
        _quiet(settings),
        progress(f"{table}: {len(slices)} slices") as bar,
        _counting(bar, table, len(slices), landed),
    ):
        return _launcher().run_extract(settings, slices)


@contextmanager
def _counting(bar: Any, table: str, total: int, landed: Callable[[], int]) -> Iterator[None]:
    """Say every second how many slices have landed."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1.0):
            bar.update(bar.task_ids[0], description=f"{table}: {landed():,} of {total:,} slices")

    thread = threading.Thread(target=watch, daemon=True)
    if not bar.disable:
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.ident:
            thread.join()


def run_dedupe(settings: Settings, *, full: bool = False) -> Any:
    """Run the job that finds duplicates and chooses golden records; `full`: over everything."""
    with _quiet(settings), progress("finding duplicates") as bar:
        return _launcher().run_dedupe(settings, full=full, on_event=_shown_in(bar))


def run_marts(settings: Settings) -> Any:
    """Run the job that builds the verdicts and the other marts."""
    with _quiet(settings), progress("building marts") as bar:
        return _launcher().run_marts(settings, on_event=_shown_in(bar))


def quality_report(settings: Settings, database: Database, *, days: int) -> Report:
    """What every check of the graph last said; imports of the last `days` days count."""
    with _quiet(settings), progress("reading what the checks said"):
        report: Report = _found(QUALITY).report_of(settings, database, days=days)
        return report


@contextmanager
def _quiet(settings: Settings) -> Iterator[None]:
    """What libraries print while a job runs (dbt its whole log) goes to CM_HOME/logs: stdout is for the answer."""
    folder = settings.home_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "output.log").open("a", encoding="utf-8") as log,
        redirect_stdout(log),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def _launcher() -> Any:
    return _found(LAUNCHER)


def _found(module: str) -> Any:
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    if not sys.warnoptions:  # libraries warn developers; the terminal is for people
        warnings.simplefilter("ignore")
    return import_module(module)


def _shown_in(bar: Any) -> Any:
    """Show each step as it starts."""

    def show(event: Any) -> None:
        where = f"{event.import_id}: " if event.import_id else ""
        if event.state == "started":
            bar.update(bar.task_ids[0], description=f"{where}{event.step}")
        elif event.state == "retry":
            bar.update(bar.task_ids[0], description=f"{where}{event.step} failed, trying again")

    return show
