"""Killing processes at places in what they do, and what must hold afterwards: helpers of the kill tests.

A place is a state of an import (`Moment`), or anything else that can be looked at (`wait_until`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymysql

from cm_core.errors import CmError
from cm_core.imports import records, registry
from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.database import parse_url
from tests.e2e.conftest import command, environment
from tests.integration.imports.steps import assert_conserved, query

#: Where kills of an import fall, in turn: most within the apply, where they would hurt. None: counted from the
#: process's start.
PLACES: tuple[str | None, ...] = ("APPLYING", "VALIDATING", "APPLYING", "STAGED", None, "APPLYING", "COMPLETE")
#: A module that imports one file as `cm ingest` does, without the orchestrator.
IMPORT_ONCE = "tests.e2e.import_once"


@dataclass(frozen=True)
class Moment:
    """`delay` seconds after the import got `status` for the `times`th time; with None, after the process was started.

    An import is VALIDATING twice: when it is read for the first time, and from when it is known what it is, through
    its staging.
    """

    status: str | None
    delay: float
    times: int = 1


def sample_file(folder: Path, rows: int) -> Path:
    """A list of mineral owners of exactly `rows` records."""
    made = generate(rows * 5 // 2, 11, folder / "sample")
    lines = made.files[0].read_bytes().splitlines(keepends=True)
    assert len(lines) > rows
    path = folder / "owners.csv"
    path.write_bytes(b"".join(lines[: rows + 1]))
    return path


def moments(
    count: int,
    seed: int,
    lengths: dict[str, float],
    whole: float,
    *,
    places: tuple[str | None, ...] = PLACES,
    times: int = 1,
) -> list[Moment]:
    """`count` moments of imports whose states take `lengths` seconds, of processes that take `whole`."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        status = places[number % len(places)]
        delay = chance.uniform(0, 1.05 * (lengths.get(status, 0.5) if status else whole))
        found.append(Moment(status, delay, times))
    return found


def lengths_of_states(database: Database, import_id: str) -> dict[str, float]:
    """Seconds that an import spent in each of its states; the last time, where it was in one several times."""
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
def running(
    settings: Settings | Path, *arguments: str | Path, module: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`cm`, or another module, with these arguments at work, in a process group of its own.

    What is left of it at the end is killed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)] if module else command(*arguments),
        env=environment(settings),
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
        with _reached(database, moment.status) as times:
            seen = times()
            if not wait_until(lambda: times() >= seen + moment.times, process):
                return False
    deadline = time.monotonic() + moment.delay
    return wait_until(lambda: time.monotonic() >= deadline, process)


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Wait until `reached()`; False if the process ended before."""
    while not reached():
        if process.poll() is not None:
            return False
        time.sleep(0.003)
    return True


@contextmanager
def _reached(database: Database, status: str) -> Iterator[Callable[[], int]]:
    """How often an import got this status so far; 0 while the server is down or has no tables.

    Over one connection, as long as it lasts: this is asked hundreds of times in a second.
    """
    with ExitStack() as opened:
        kept: list[pymysql.connections.Connection[Any]] = []

        def times() -> int:
            try:
                if not kept:
                    kept.append(opened.enter_context(database.connect(autocommit=True)))
                with kept[0].cursor() as cursor:
                    cursor.execute("select count(*) from import_audit_log where operation = %s", (f"STATUS_{status}",))
                    ((count,),) = cursor.fetchall()
                return int(count)
            except (CmError, pymysql.MySQLError):
                kept.clear()
                return 0

        yield times


def wait_for_load(database: Database, table: str, process: subprocess.Popen[str]) -> None:
    """Wait until rows are being loaded into `table`."""
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        while not cursor.execute(
            "select 1 from information_schema.processlist where info like %s", (f"load data%into table `{table}%",)
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


def assert_failed_in_one_line(code: int, out: str, err: str) -> None:
    """A command that failed says so in lines that begin with `error: `, and shows no traceback."""
    assert code == 1, (out, err)
    assert "Traceback" not in err
    lines: list[Any] = err.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines), err


def database_of(settings: Settings) -> Database:
    """The database that the settings name."""
    assert settings.database_url is not None
    return Database(parse_url(settings.database_url.get_secret_value()))
