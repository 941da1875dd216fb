"""Whatever a file is, its import ends REJECTED in one line or accounts for each row: no traceback, hang or flood."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.conftest import environment, run_cm
from tests.integration.fuzz.mutations import case

_ROOT = Path(__file__).resolve().parents[3]
_SEED = 20_240_501
_MOST_MB = 2_048
#: A file that takes longer hangs. Wall time, on a machine that may be busy.
_MOST_SECONDS = 120.0
_SHORT, _WHOLE = 12, 2_000


def test_mutated_files_are_rejected_or_accounted_for(
    make_settings: Callable[..., Settings], database: Database, tmp_path: Path
) -> None:
    """The short form: each seed, some hostile files."""
    _check(_imported(make_settings(database=database, **_LIMITS), range(_SHORT), tmp_path / "worker"))


#: Cases that go through the command too: a mutated list, dump, workbook, database; hostile ones; several in an archive.
_THROUGH_THE_COMMAND = (2, 6, 11, 12, 13, 14, 15, 3, 27, 43)


@pytest.mark.soak
def test_a_sample_through_cm_ingest(make_settings: Callable[..., Settings], database: Database, tmp_path: Path) -> None:
    """One command for all of them, in a process that the settings hold to small files."""
    settings = make_settings(database=database)
    paths = []
    for number in _THROUGH_THE_COMMAND:
        made = case(_SEED, number)
        paths.append(tmp_path / f"{number} {made.name}")
        paths[-1].write_bytes(made.content)
    ran = run_cm(settings, "ingest", *paths, "--json", CM_MAX_FILE_BYTES=str(64 << 20))
    summaries = ran.document
    assert len(summaries) >= len(paths)
    assert {summary["status"] for summary in summaries} == {"COMPLETE", "REJECTED"}
    for summary in summaries:
        accounted = summary["inserted"] + summary["updated"] + summary["skipped"] + summary["errors"]
        assert accounted == summary["total_rows"]
        assert (summary["reason"] is None) == (summary["status"] == "COMPLETE")
    assert ran.code == 1
    assert len(ran.errors) == sum(summary["status"] == "REJECTED" for summary in summaries)
    assert not [left for left in settings.scratch_dir.rglob("*") if left.is_file()]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_thousand_mutated_files(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """The long form: two processes, each with a database of its own."""
    homes = [make_settings(database=make_database(), **_LIMITS) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        halves = [
            pool.submit(_imported, home, range(number, _WHOLE, 2), tmp_path / str(number))
            for number, home in enumerate(homes)
        ]
        outcomes = [outcome for half in halves for outcome in half.result()]
    assert len(outcomes) == _WHOLE
    _check(outcomes)


_LIMITS: dict[str, Any] = {"compute_threads": 1, "max_file_bytes": 256 << 20}


def _check(outcomes: list[dict[str, Any]]) -> None:
    wrong = [
        outcome
        for outcome in outcomes
        if outcome["problem"] or outcome["peak_mb"] > _MOST_MB or not outcome["statuses"]
    ]
    assert not wrong, "\n".join(f"case {o['number']} ({o['made_by']}): {o}" for o in wrong[:20])
    statuses = Counter(status for outcome in outcomes for status in outcome["statuses"])
    assert set(statuses) <= {"COMPLETE", "REJECTED", "DUPLICATE"}
    # Both ways must have been gone often, or the files prove nothing.
    assert min(statuses["COMPLETE"], statuses["REJECTED"]) > len(outcomes) // 5, statuses


def _imported(settings: Settings, numbers: range, scratch: Path) -> list[dict[str, Any]]:
    """The outcomes of the cases of these numbers, in a process that is watched and, if need be, replaced."""
    outcomes: list[dict[str, Any]] = []
    left = list(numbers)
    while left:
        with _worker(settings, scratch) as ask:
            while left:
                number = left.pop(0)
                outcome = ask(number)
                outcomes.append(outcome)
                if outcome["statuses"] == ["DIED"]:
                    break
    return outcomes


@contextmanager
def _worker(settings: Settings, scratch: Path) -> Iterator[Callable[[int], dict[str, Any]]]:
    """A function that has a case imported; the process ends with the block."""
    temporary = scratch / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    errors = scratch / "errors.txt"
    with errors.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.fuzz.worker"],
            cwd=scratch,
            env=environment(settings)
            | {
                "PYTHONPATH": str(_ROOT),
                "TMPDIR": str(temporary),
                "CM_COMPUTE_THREADS": str(settings.compute_threads),
                "CM_IMPORT_MEMORY_LIMIT": settings.import_memory_limit,
                "CM_MAX_FILE_BYTES": str(settings.max_file_bytes),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    answers = selectors.DefaultSelector()
    answers.register(process.stdout, selectors.EVENT_READ)

    def ask(number: int) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{_SEED} {number}\n".encode())
        process.stdin.flush()
        started = time.monotonic()
        line = process.stdout.readline() if answers.select(_MOST_SECONDS) else b""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        process.kill()
        took = time.monotonic() - started
        problem = f"ended or hung after {took:.0f} s: {errors.read_text()[-3000:]}"
        return {
            "number": number,
            "made_by": "?",
            "statuses": ["DIED"],
            "problem": problem,
            "peak_mb": 0,
            "seconds": took,
        }

    try:
        yield ask
    finally:
        process.kill()
        process.communicate()
        answers.close()
    said = errors.read_text()
    assert "Traceback" not in said, said[-3000:]
    assert {path.name for path in scratch.iterdir()} == {"errors.txt", "tmp"}, "a file was written where none belongs"
