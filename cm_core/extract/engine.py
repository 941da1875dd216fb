"""Whole extracts: which tables, which of their slices are still to be done, and several slices side by side.

Threads do for that: nearly all of a slice's time is spent in the server, and in libraries that let go of Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml

from cm_core.errors import SettingsError, UsageError
from cm_core.extract.plan import Plan, make_plan, plan_of, slug
from cm_core.extract.slices import SliceResult, extract_slice, result_of, verify_slice
from cm_core.extract.source import open_source
from cm_core.settings import Settings
from cm_core.store.database import Database, open_database

#: The feed of a table for which none is named.
DEFAULT_FEED = "legacy_contacts"

T = TypeVar("T")


def tables(settings: Settings) -> dict[str, str]:
    """CM_LEGACY_TABLES: feed by table. `people,owners=voter_ny`, or the path of a YAML file `table: feed`."""
    text = settings.legacy_tables.strip()
    if text.endswith((".yaml", ".yml")):
        found = _tables_of_file(Path(text).expanduser())
    else:
        pairs = (entry.partition("=") for entry in text.split(",") if entry.strip())
        found = {table.strip(): feed.strip() or DEFAULT_FEED for table, _, feed in pairs}
    if not found:
        raise SettingsError("CM_LEGACY_TABLES is not set: name the tables to extract, separated by commas.")
    slugs = [slug(table) for table in found]
    if clash := {name for name in slugs if slugs.count(name) > 1}:
        raise SettingsError(f"CM_LEGACY_TABLES: several tables would be called {', '.join(sorted(clash))} in files.")
    return found


def _tables_of_file(path: Path) -> dict[str, str]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        raise SettingsError(f"CM_LEGACY_TABLES: {path} cannot be read as YAML.") from None
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document.values()):
        raise SettingsError(f"CM_LEGACY_TABLES: {path} must say `table: feed`, one table a line.")
    return {str(table): feed for table, feed in document.items()}


def plans(settings: Settings, database: Database, names: Sequence[str] = (), *, anew: bool = False) -> list[Plan]:
    """The plans of the tables `names` (all of CM_LEGACY_TABLES if none are given), made where there are none.

    With `anew`, tables whose extract is complete get a new one. Raises UsageError for tables that cannot be sliced.
    """
    known = tables(settings)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"CM_LEGACY_TABLES does not name {', '.join(unknown)}. It names {', '.join(known)}.")
    source = open_source(settings)
    return [
        make_plan(
            settings, database, source, table, known[table], anew=anew, is_done=lambda plan: not pending(settings, plan)
        )
        for table in names or known
    ]


def pending(settings: Settings, plan: Plan) -> list[str]:
    """Names of the slices that have not landed."""
    return [plan.slice_name(one.number) for one in plan.slices if result_of(settings, plan, one.number) is None]


def extracted(settings: Settings, plan: Plan) -> list[SliceResult]:
    """What is known of the slices that have landed."""
    found = (result_of(settings, plan, one.number) for one in plan.slices)
    return [result for result in found if result is not None]


def shortfall(settings: Settings, plan: Plan) -> str | None:
    """What an extract lacks, as a sentence: slices, or rows that were there when it was planned; None if nothing."""
    results = extracted(settings, plan)
    if missing := len(plan.slices) - len(results):
        return f"{plan.table}: {missing} of {len(plan.slices)} slices have not landed."
    rows = sum(result.rows for result in results)
    if rows == plan.rows:
        return None
    return (
        f"{plan.table}: {rows:,} rows landed, {plan.rows:,} were counted when the extract was planned. Each slice "
        "matched the source when it was read, so rows came or went in between."
    )


def shortfalls(settings: Settings, names: Sequence[str]) -> list[str]:
    """The same for every extract that the slices called `names` belong to."""
    source = open_source(settings)
    found = {plan.folder: plan for plan in (plan_of(settings, source, name)[0] for name in names)}
    return [lack for lack in (shortfall(settings, plan) for plan in found.values()) if lack]


def verified(settings: Settings, name: str) -> str | None:
    """What is wrong with the landed file of the slice called `name`, or None."""
    plan, number = plan_of(settings, open_source(settings), name)
    return verify_slice(settings, plan, number)


@contextmanager
def slice_pool(settings: Settings, names: Sequence[str]) -> Iterator[Callable[[str], SliceResult]]:
    """A function that extracts the slice of a name; all of `names` are under way from now on, several at once.

    It raises what `extract_slice` raises.
    """
    with _pool(settings, len(names), _extract_named, names) as result:
        yield result


@contextmanager
def check_pool(settings: Settings, names: Sequence[str]) -> Iterator[Callable[[str], str | None]]:
    """The same for `verified`."""
    with _pool(settings, len(names), verified, names) as result:
        yield result


@contextmanager
def _pool(
    settings: Settings, count: int, function: Callable[[Settings, str], T], names: Sequence[str]
) -> Iterator[Callable[[str], T]]:
    with ThreadPoolExecutor(max(1, min(settings.compute_threads, count)), thread_name_prefix="extract") as pool:
        futures = {name: pool.submit(function, settings, name) for name in names}
        try:
            yield lambda name: futures[name].result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _extract_named(settings: Settings, name: str) -> SliceResult:
    source = open_source(settings)
    plan, number = plan_of(settings, source, name)
    database = open_database(settings)
    try:
        return extract_slice(settings, database, source, plan, number)
    finally:
        database.close()
