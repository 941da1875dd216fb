"""`cm replay` as users run it: one document, one-line errors, exit codes; killed at any moment, it can be run again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.imports import records, registry
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.conftest import Ran, command, environment, run_cm
from tests.e2e.kills import Moment, kill, sample_file, wait_for
from tests.integration.imports.steps import assert_conserved, checksum, column, error_report, import_file, unchanged

MIXED = "Name,Phone,Zip\nAnn Able,405-321-1001,73069\n,,73069\nBob,405\n"
COUNTS = ("total_rows", "inserted", "updated", "skipped", "errors")
Cm = Callable[..., Ran]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.soak
def test_errors_are_mended_in_the_report_and_replayed(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    first = import_file(settings, database, _write(tmp_path / "mixed.csv", MIXED))
    report = Path(str(first.error_log_s3).removeprefix("file://")).read_text()
    mended = _write(tmp_path / "mended.csv", report.replace('"Bob,405"', '"Bob Bell,405-321-1003,73069"'))
    assert mended.read_text() != report
    arguments = ("replay", "--import-id", first.import_id, "--mode", "errors-only", "--corrected", mended)
    ran = run_cm(settings, *arguments, "--json")
    assert (ran.code, ran.errors) == (0, [])
    done = ran.document
    assert [done[name] for name in COUNTS] == [3, 2, 0, 0, 1]
    assert (done["status"], done["failure"]) == ("COMPLETE", None)
    assert [done["replay"][name] for name in ("replay_no", "mode", "status", "brought_in", "corrected_file")] == [
        1, "errors-only", "COMPLETE", 1, "mended.csv",
    ]  # fmt: skip
    assert_conserved(settings, database, records.get(database, first.import_id))
    with unchanged(database):
        again = cm_here(*arguments)
        assert (again.code, again.errors) == (0, [])
        assert "Nothing to do" in again.out
        full = cm_here("replay", "--import-id", first.import_id, "--mode", "full", "--json")
    assert (full.code, full.errors) == (0, [])
    assert [full.document[name] for name in COUNTS] == [3, 2, 0, 0, 1]
    assert full.document["replay"]["mode"] == "full"


def test_wrong_usage_is_one_line_and_exit_code_2(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    path = _write(tmp_path / "mixed.csv", MIXED)
    first = import_file(settings, database, path).import_id
    copy = import_file(settings, database, path).import_id
    clean = import_file(settings, database, _write(tmp_path / "clean.csv", "Name,Zip\nAnn Able,73069\n")).import_id
    odd = _write(tmp_path / "odd.csv", "Name,Phone,Zip\nBob Bell,405-321-1003,73069\n")
    for arguments, says in (
        (("--import-id", "imp_1999_01_01_001", "--mode", "full"), "There is no import 'imp_1999_01_01_001'"),
        (("--import-id", copy, "--mode", "full"), f"Replay {first}."),
        (("--import-id", clean, "--mode", "errors-only"), "has no rejected rows"),
        (("--import-id", first, "--mode", "errors-only", "--corrected", odd), "no column 'row_number'"),
        (("--import-id", first, "--mode", "full", "--corrected", odd), "--mode errors-only"),
        (("--import-id", first, "--mode", "errors-only", "--corrected", tmp_path / "no.csv"), "no such file"),
    ):
        with unchanged(database):
            ran = cm_here("replay", *arguments)
        (line,) = ran.errors
        assert ran.code == 2
        assert says in line
        assert ran.out == ""
    for arguments in (("--import-id", first), ("--import-id", first, "--mode", "errors")):
        assert cm_here("replay", *arguments).code == 2


def test_a_replay_that_fails_is_one_line_and_exit_code_1(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    first = import_file(settings, database, _write(tmp_path / "mixed.csv", MIXED))
    Path(first.s3_location.removeprefix("file://")).write_text("Name,Phone,Zip\nSomebody Else,,\n")
    with unchanged(database):
        ran = cm_here("replay", "--import-id", first.import_id, "--mode", "full", "--json")
    assert ran.code == 1
    (line,) = ran.errors
    assert "has changed since it was registered" in line
    assert (ran.document["status"], ran.document["replay"]["status"]) == ("COMPLETE", "FAILED")
    assert "The import is as it was" in ran.document["reason"]


_LATE = Moment("APPLYING", 0.05)


@pytest.mark.parametrize(
    ("rows", "modes", "moments"),
    [
        pytest.param(1_000, ("errors-only",), (_LATE,), id="short", marks=pytest.mark.soak),
        pytest.param(
            3_000,
            ("errors-only", "full"),
            (
                Moment("STAGED", 0.0),
                Moment("VALIDATING", 0.05),
                _LATE,
                Moment("APPLYING", 0.3),
                Moment("COMPLETE", 0.0),
            ),
            id="long",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_killed_replay_is_all_there_or_not_at_all_and_goes_on(
    settings: Settings,
    database: Database,
    tmp_path: Path,
    rows: int,
    modes: tuple[str, ...],
    moments: tuple[Moment, ...],
) -> None:
    """Kills in a row of a replay of a tenth of the rows, mended; the next try completes it."""
    path = sample_file(tmp_path, rows)
    lines = path.read_bytes().splitlines(keepends=True)
    width = lines[0].count(b",") + 1
    broken = [b"," * (width + 1) + b"x\n" if number % 10 == 5 else line for number, line in enumerate(lines)]
    path.write_bytes(b"".join(broken))
    first = import_file(settings, database, path)
    assert (first.row_count, first.error_count) > (rows, rows // 10)
    left = (first.error_count or 0) - rows // 10  # those that are wrong in the sample itself
    text = lines[0].decode().strip()
    fixed = tmp_path / "fixed.csv"
    fixed.write_bytes(
        f"row_number,{text}\n".encode()
        + b"".join(f"{number},".encode() + lines[number] for number in range(5, rows, 10))
    )
    base = ("replay", "--import-id", first.import_id, "--mode")
    for mode in modes:
        arguments = (*base, mode, *(("--corrected", fixed) if mode == "errors-only" else ()))
        before = checksum(database)
        states = []
        for moment in moments:
            process = subprocess.Popen(
                command(*arguments, "--json"), env=environment(settings), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            wait_for(database, moment, process)
            kill(process)
            states.append(checksum(database))
        if records.get(database, first.import_id).status != "COMPLETE":
            assert registry.waiting(database) != []
        ran = run_cm(settings, *arguments, "--json")
        assert (ran.code, ran.errors) == (0, [])
        after = checksum(database)
        assert all(state in (before, after) for state in states)
        record = records.get(database, first.import_id)
        assert_conserved(settings, database, record)
        assert record.error_count == left
        assert registry.waiting(database) == []
    assert error_report(settings, first.import_id)
    assert column(database, "select count(*) from import_replays where status = 'OPEN'") == [0]
