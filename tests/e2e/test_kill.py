"""Kill the import, or the database beneath it, at any moment: all of it is there or nothing, and a re-run completes.

Moments are drawn with a fixed seed, as places in the life of an import rather than as times: a slow machine is
killed at the same places as a quick one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymysql
import pytest

from cm_core.errors import CmError
from cm_core.imports import records, registry
from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.database import parse_url
from cm_core.store.migrations import upgrade
from tests.e2e.conftest import command, environment, run_cm
from tests.integration.imports.steps import assert_conserved, checksum, column, import_file, query

#: Where kills fall, in turn: most within the apply, where they would hurt. None: counted from the process's start.
_PLACES = ("APPLYING", "VALIDATING", "APPLYING", "STAGED", None, "APPLYING", "COMPLETE")


@dataclass(frozen=True)
class Moment:
    """`delay` seconds after the import got `status`; with None, after the process was started."""

    status: str | None
    delay: float


def sample_file(folder: Path, rows: int) -> Path:
    """A list of mineral owners of exactly `rows` records."""
    made = generate(rows * 5 // 2, 11, folder / "sample")
    lines = made.files[0].read_bytes().splitlines(keepends=True)
    assert len(lines) > rows
    path = folder / "owners.csv"
    path.write_bytes(b"".join(lines[: rows + 1]))
    return path


def moments(count: int, seed: int, lengths: dict[str, float], whole: float) -> list[Moment]:
    """`count` moments of imports whose states take `lengths` seconds, of processes that take `whole`."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        status = _PLACES[number % len(_PLACES)]
        found.append(Moment(status, chance.uniform(0, 1.05 * (lengths.get(status, 0.5) if status else whole))))
    return found


def lengths_of_states(database: Database, import_id: str) -> dict[str, float]:
    """Seconds that an import spent in each of its states."""
    found = query(
        database,
        "select operation, timestamp from import_audit_log where import_id = %s and operation like %s order by id",
        (import_id, "STATUS%"),
    )
    return {
        str(state).removeprefix("STATUS_"): (end - start).total_seconds()
        for (state, start), (_, end) in pairwise(found)
    }


@contextmanager
def running(settings: Settings | Path, path: Path | Sequence[Path], **extra: str) -> Iterator[subprocess.Popen[str]]:
    """`cm ingest` at work, in a process group of its own; whatever is left of it at the end is killed."""
    process = subprocess.Popen(
        command("ingest", *([path] if isinstance(path, Path) else path), "--json"),
        env=environment(settings) | extra,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and all it started in its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(database: Database, moment: Moment, process: subprocess.Popen[str]) -> bool:
    """Wait for the moment; False if the process ended before it."""
    if moment.status is not None:
        seen = _times_reached(database, moment.status)
        while _times_reached(database, moment.status) <= seen:
            if process.poll() is not None:
                return False
            time.sleep(0.005)
    deadline = time.monotonic() + moment.delay
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    return True


def _times_reached(database: Database, status: str) -> int:
    """How often an import got this status; 0 while the server is down or has no tables."""
    with suppress(CmError, pymysql.MySQLError):
        (count,) = column(database, "select count(*) from import_audit_log where operation = %s", (f"STATUS_{status}",))
        return int(count)
    return 0


def wait_for_load(database: Database, table: str, process: subprocess.Popen[str]) -> None:
    """Wait until rows are being loaded into `table`."""
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        while not cursor.execute(
            "select 1 from information_schema.processlist where info like %s", (f"load data%into table `{table}`%",)
        ):
            assert process.poll() is None, f"the load of {table} was not seen"
            time.sleep(0.002)


def assert_complete(settings: Settings, database: Database, rows: int) -> None:
    """The file is one import, complete, with its reports; whatever else was registered is a duplicate of it."""
    (record,) = records.find(database, "where status <> 'DUPLICATE'", ())
    assert (record.status, record.row_count) == ("COMPLETE", rows)
    assert_conserved(settings, database, record)
    assert set(record.reports) == {"success_report", "error_report", "checklist"}
    assert {found.status for found in registry.scan_landing(settings, database)} <= {"DUPLICATE"}
    assert registry.waiting(database) == []


def test_a_killed_import_is_all_there_or_not_at_all_and_a_rerun_completes_it(
    settings: Settings, database: Database, private_home: Path, tmp_path: Path
) -> None:
    """The short form: three kills in a row of one import, whose first process starts the database server too."""
    path = sample_file(tmp_path, 3_000)
    undisturbed = import_file(settings, database, path)
    after = checksum(database)
    lengths = lengths_of_states(database, undisturbed.import_id)

    server = PrivateServer(private_home)
    killed = Database(server.ensure_running().writer)
    upgrade(killed)
    before = checksum(killed)
    assert before["persons"][0] == 0
    server.stop()
    for moment in moments(3, 1, lengths, 5.0):
        with running(private_home, path) as process:
            wait_for(killed, moment, process)
            kill(process)
        assert server.is_running(), "the server must outlive the process that started it"
        assert checksum(killed) in (before, after), f"killed at {moment}"
    ran = run_cm(private_home, "ingest", path, "--json")
    assert (ran.code, ran.errors) == (0, [])
    assert checksum(killed) == after
    assert_complete(Settings(home=private_home, settle_seconds=0), killed, 3_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_kills_of_a_large_import(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """The long form: each kill meets an empty database, and is followed by a re-run."""
    path = sample_file(tmp_path, 50_000)
    settings = make_settings()
    database = _database_of(settings)
    started = time.monotonic()
    ran = run_cm(settings, "ingest", path, "--json")
    whole = time.monotonic() - started
    assert (ran.code, ran.errors) == (0, [])
    after = checksum(database)
    lengths = lengths_of_states(database, ran.document["import_id"])

    outcomes: dict[str, int] = {"before": 0, "after": 0}
    for number, moment in enumerate(moments(20, 2, lengths, whole)):
        fresh = make_database()
        before = checksum(fresh)
        # One home for all: what a kill does to the orchestrator's own state is met by the next process.
        place = tmp_path / f"round-{number}"
        round_settings = make_settings(
            database=fresh,
            home=settings.home,
            landing_url=(place / "landing").as_uri(),
            lake_url=(place / "lake").as_uri(),
        )
        with running(round_settings, path) as process:
            wait_for(fresh, moment, process)
            kill(process)
        state = checksum(fresh)
        assert state in (before, after), f"kill {number} at {moment}"
        outcomes["after" if state == after else "before"] += 1
        again = run_cm(round_settings, "ingest", path, "--json")
        assert (again.code, again.errors) == (0, []), f"kill {number} at {moment}"
        assert checksum(fresh) == after, f"kill {number} at {moment}"
        assert_complete(round_settings, fresh, 50_000)
    assert outcomes["before"] >= 10, outcomes


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("table", ["persons", "addresses", "person_sources"])
def test_a_database_killed_within_an_apply(
    make_settings: Callable[..., Settings], fast_folder: Path, tmp_path: Path, table: str
) -> None:
    """The command fails in one line, nothing is half-written, and the same command starts the server and completes."""
    path = sample_file(tmp_path, 50_000)
    settings = make_settings()
    import_file(settings, _database_of(settings), path)
    after = checksum(_database_of(settings))

    home = fast_folder / f"crash-{table}"
    server = PrivateServer(home, buffer_pool="256M", redo_log="96M")
    try:
        database = Database(server.ensure_running().writer)
        upgrade(database)
        before = checksum(database)
        with running(home, path) as process:
            wait_for_load(database, table, process)
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            out, err = process.communicate(timeout=600)
        server.ensure_running()
        assert checksum(database) == before
        _assert_failed_in_one_line(process.returncode, out, err)
        ran = run_cm(home, "ingest", path, "--json")
        assert (ran.code, ran.errors) == (0, [])
        assert checksum(database) == after
        assert_complete(Settings(home=home, settle_seconds=0), database, 50_000)
    finally:
        server.stop()


def _assert_failed_in_one_line(code: int, out: str, err: str) -> None:
    assert code == 1, (out, err)
    assert "Traceback" not in err
    lines: list[Any] = err.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines), err


def _database_of(settings: Settings) -> Database:
    assert settings.database_url is not None
    return Database(parse_url(settings.database_url.get_secret_value()))
