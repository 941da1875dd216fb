"""Kill the import, or the database beneath it, at any moment: all of it is there or nothing, and a re-run completes.

Moments are drawn with a fixed seed, as places in the life of an import rather than as times: a slow machine is
killed at the same places as a quick one.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.migrations import upgrade
from tests.e2e.conftest import run_cm
from tests.e2e.kills import (
    IMPORT_ONCE,
    Moment,
    assert_complete,
    assert_failed_in_one_line,
    database_of,
    kill,
    lengths_of_states,
    moments,
    running,
    sample_file,
    wait_for,
    wait_for_load,
    wait_until,
)
from tests.integration.fuzz.seeds import literal
from tests.integration.imports.steps import checksum, import_file
from tests.unit.imports.formats.test_excel import text, workbook


def test_a_killed_import_is_all_there_or_not_at_all_and_a_rerun_completes_it(
    settings: Settings, database: Database, private_home: Path, tmp_path: Path
) -> None:
    """The short form: two kills in a row of one import, whose first process starts the database server too.

    That is `cm ingest`, as is the one that completes; the one between does the same without the orchestrator.
    """
    path = sample_file(tmp_path, 1_500)
    undisturbed = import_file(settings, database, path)
    after = checksum(database)
    lengths = lengths_of_states(database, undisturbed.import_id)

    server = PrivateServer(private_home)
    killed = Database(server.ensure_running().writer)
    upgrade(killed)
    before = checksum(killed)
    assert before["persons"][0] == 0
    server.stop()
    for number, moment in enumerate(moments(2, 1, lengths, 5.0)):
        command = running(private_home, path, module=IMPORT_ONCE) if number else running(private_home, "ingest", path)
        with command as process:
            wait_for(killed, moment, process)
            kill(process)
        assert server.is_running(), "the server must outlive the process that started it"
        assert checksum(killed) in (before, after), f"killed at {moment}"
    ran = run_cm(private_home, "ingest", path, "--json")
    assert (ran.code, ran.errors) == (0, [])
    assert checksum(killed) == after
    assert_complete(Settings(home=private_home, settle_seconds=0), killed, 1_500)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_kills_of_a_large_import(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """The long form: each kill meets an empty database, and is followed by a re-run."""
    path = sample_file(tmp_path, 50_000)
    settings = make_settings()
    database = database_of(settings)
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
        with running(round_settings, "ingest", path, "--json") as process:
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
    import_file(settings, database_of(settings), path)
    after = checksum(database_of(settings))

    home = fast_folder / f"crash-{table}"
    server = PrivateServer(home, buffer_pool="256M", redo_log="96M")
    try:
        database = Database(server.ensure_running().writer)
        upgrade(database)
        before = checksum(database)
        with running(home, "ingest", path, "--json") as process:
            wait_for_load(database, table, process)
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            out, err = process.communicate(timeout=600)
        server.ensure_running()
        assert checksum(database) == before
        assert_failed_in_one_line(process.returncode, out, err)
        ran = run_cm(home, "ingest", path, "--json")
        assert (ran.code, ran.errors) == (0, [])
        assert checksum(database) == after
        assert_complete(Settings(home=home, settle_seconds=0), database, 50_000)
    finally:
        server.stop()


def _kill_while_staging(settings: Settings, path: Path, kills: list[Moment | str], module: str | None = None) -> None:
    """Kill the import of a list at each of these places of its staging: moments, or files that are there by then."""
    database = database_of(settings)
    before = checksum(database)
    for place in kills:
        with running(settings, *((path,) if module else ("ingest", path, "--json")), module=module) as process:
            if isinstance(place, Moment):
                assert wait_for(database, place, process), place
            else:
                assert wait_until(partial(_is_there, settings.home_dir, place), process), place
            kill(process)
        assert checksum(database) == before, place


def _is_there(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


#: Files that are there while an import is being staged: while rows are read, and while the outcome goes to the lake.
_STAGING = ("tmp/staged-*/rows.parquet", "lake/staged/*/*.parquet")


@pytest.mark.soak
def test_kills_during_staging_leave_nothing_and_a_rerun_completes(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """A kill while rows are read, and one while they go to the lake."""
    path = sample_file(tmp_path, 1_500)
    quiet, killed = make_settings(database=make_database()), make_settings(database=make_database())
    import_file(quiet, database_of(quiet), path)
    _kill_while_staging(killed, path, [Moment("VALIDATING", 0.05, times=2), _STAGING[1]], IMPORT_ONCE)
    import_file(killed, database_of(killed), path)
    assert checksum(database_of(killed)) == checksum(database_of(quiet))
    assert_complete(killed, database_of(killed), 1_500)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["owners.csv", "owners.sql.gz", "owners.xlsx"])
def test_twelve_kills_during_the_staging_of_a_large_list(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path, name: str
) -> None:
    """The long form: moments all over the staging, of a list in several formats."""
    path = _in_format(sample_file(tmp_path, 30_000), name)
    quiet, killed = make_settings(database=make_database()), make_settings(database=make_database())
    undisturbed = import_file(quiet, database_of(quiet), path)
    lengths = lengths_of_states(database_of(quiet), undisturbed.import_id)
    drawn = moments(10, 3, lengths, 0, places=("VALIDATING",), times=2)
    places = [*(Moment(m.status, m.delay * 0.9, m.times) for m in drawn), *_STAGING]
    _kill_while_staging(killed, path, places)
    ran = run_cm(killed, "ingest", path, "--json")
    assert (ran.code, ran.errors) == (0, [])
    assert checksum(database_of(killed)) == checksum(database_of(quiet))
    assert_complete(killed, database_of(killed), 30_000)


def _in_format(path: Path, name: str) -> Path:
    """The list `path` as a file of another format."""
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    target = path.with_name(name)
    if name.endswith(".sql.gz"):
        values = ",\n".join("(" + ",".join(literal(value) for value in row) + ")" for row in rows)
        columns = ", ".join(f"`{column}` text" for column in header)
        target.write_bytes(gzip.compress(f"CREATE TABLE p ({columns});\nINSERT INTO p VALUES {values};\n".encode()))
    elif name.endswith(".xlsx"):
        target.write_bytes(workbook({"S": ["".join(text(escape(value)) for value in row) for row in (header, *rows)]}))
    return target
