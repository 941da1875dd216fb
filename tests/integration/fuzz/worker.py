"""A process that imports one case after the other, as it is told on standard input, and says what became of each.

Settings come from the environment. What the parent must watch itself is time: a file that hangs hangs this process.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from cm_core.errors import CmError, FileRejected
from cm_core.imports import records, registry
from cm_core.imports.records import HOLD, ImportRecord
from cm_core.lake import lake
from cm_core.settings import Settings, get_settings
from cm_core.store import Database, open_database
from tests.integration.fuzz.mutations import Case, case
from tests.integration.imports.steps import assert_conserved, column, counts, rejected_rows, run, traced_rows

#: More than this, and the process ends: the machine is shared with others.
_MOST_BYTES = 6 << 30
_MOST_FILE_BYTES = 8 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of a case. `statuses` are those of its imports; `problem` is None if all is well."""

    number: int
    name: str
    made_by: str
    statuses: list[str]
    reasons: list[str]
    problem: str | None
    seconds: float
    cpu_seconds: float
    peak_mb: int


def main() -> None:
    """Read lines `seed number`, answer each with an Outcome as JSON."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES, _MOST_FILE_BYTES))
    settings = get_settings()
    database = open_database(settings)
    for line in sys.stdin:
        seed, number = map(int, line.split())
        print(json.dumps(asdict(_outcome(settings, database, case(seed, number)))), flush=True)


def _outcome(settings: Settings, database: Database, given: Case) -> Outcome:
    folder = settings.home_dir / "dropped"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / given.name
    path.write_bytes(given.content)
    _forget_peak()
    children = _peak_of_children_mb()
    started, cpu = time.monotonic(), _cpu_seconds()
    statuses: list[str] = []
    reasons: list[str] = []
    problem = None
    try:
        found, problem = _import(settings, database, path)
        statuses = [record.status for record in found]
        reasons = [record.status_reason or "" for record in found]
        for record in found:
            problem = problem or _wrong_with(settings, database, record)
    except Exception:  # noqa: BLE001 - whatever it is, it is what the test looks for
        problem = traceback.format_exc()
    ended = _peak_of_children_mb()
    peak = max(_peak_mb(), ended if ended > children else 0)
    path.unlink()
    left = [p for p in (settings.scratch_dir, Path(os.environ["TMPDIR"])) for p in p.rglob("*") if p.is_file()]
    if left and problem is None:
        problem = f"left behind: {left[:5]}"
    for file in left:
        file.unlink()
    return Outcome(
        given.number, given.name, given.made_by, statuses, reasons, problem, round(time.monotonic() - started, 3),
        round(_cpu_seconds() - cpu, 3), peak,
    )  # fmt: skip


def _import(settings: Settings, database: Database, path: Path) -> tuple[list[ImportRecord], str | None]:
    """All imports that the file becomes, at their end; and an error that should not have been."""
    registered = registry.register_files(settings, database, path)
    problem = None
    for one in registered:
        try:
            if one.status == "PENDING":
                run(settings, database, one.import_id)
        except FileRejected:
            pass
        except CmError as error:
            problem = f"{one.import_id}: {traceback.format_exception(error)}"
        finally:
            HOLD.release(one.import_id)
    return [records.get(database, one.import_id) for one in registered], problem


def _wrong_with(settings: Settings, database: Database, record: ImportRecord) -> str | None:
    """What is not as it should be with an import that has come to rest, or None."""
    if record.status == "DUPLICATE":
        return None
    if record.status == "REJECTED":
        reason = record.status_reason or ""
        if not reason or "\n" in reason or len(reason) > 2_500 or re.search(r"Traceback|<.* object at 0x", reason):
            return f"a reason that is none: {reason[:3000]!r}"
        if traced_rows(database, record.import_id):
            return "rows of a rejected file are in the canonical tables"
        waiting = "select count(*) from staging_raw_import where import_id = %s"
        return "rows of a rejected file are staged" if column(database, waiting, (record.import_id,)) != [0] else None
    if record.status != "COMPLETE":
        return f"{record.status}: {record.status_reason}"
    total, *parts = counts(record)
    if sum(part or 0 for part in parts) != total:
        return f"counts do not add up: {counts(record)}"
    if record.feed in ("contacts", "voter_ny", "sakila_customers"):
        assert_conserved(settings, database, record)
        return None
    staged = lake(settings).local_path(f"staged/{record.import_id}/rows.parquet")
    kept = pq.ParquetFile(staged).metadata.num_rows
    out = rejected_rows(settings, record.import_id)
    return None if kept + len(out) == total else f"{total} rows, {kept} staged, {len(out)} rejected"


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _forget_peak() -> None:
    """From here on the kernel notes this process's highest memory anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> int:
    """Highest resident memory since."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) >> 10


def _peak_of_children_mb() -> int:
    """That of the largest child that has ended, ever."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10


if __name__ == "__main__":
    main()
