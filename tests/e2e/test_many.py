"""Many files dropped into the landing zone together: the real daemon, real runs, and `cm ingest` at the same time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cm_assets.jobs import IMPORT_JOBS
from cm_assets.launch import open_instance, prepare
from cm_core.cli.dagster_home import write_dagster_home
from cm_core.imports import records, registry
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.conftest import environment, run_cm
from tests.integration.imports.steps import assert_conserved, column, import_file, query
from tests.integration.upsert.rows import golden

_MODULE = "tests.e2e.landing_only"
_LOCK_TROUBLE = re.compile(r"deadlock|lock wait|\b1213\b|\b1205\b|too many connections|did not release", re.IGNORECASE)
#: What one process of a run may take, however many imports it has. The interpreter with Dagster takes 250 of it.
_MOST_MB = 900


@dataclass(frozen=True)
class Drop:
    """A file to be dropped, and what must become of it."""

    name: str
    text: str
    status: str = "COMPLETE"


def _people(first: int, count: int, *, street: int) -> str:
    """Rows of people, each of whom has one phone and one e-mail wherever they are named."""
    lines = ["First Name,Last Name,Email,Phone,Address,City,State,Zip"]
    for number in range(first, first + count):
        who = number % 40
        letter = chr(ord("a") + who % 26) * 2
        lines.append(
            f"Ann{letter},Lee{chr(ord('a') + who // 26)}{letter},p{who}@example.com,405-321-{4000 + who},"
            f"{street} Main St,Norman,OK,73069"
        )
    return "\n".join(lines) + "\n"


def _drops(count: int) -> list[Drop]:
    """`count` files of several feeds in order of arrival, with duplicates and bad ones among them."""
    drops: list[Drop] = []
    for number in range(count):
        kind = number % 12
        if kind in (2, 8):
            drops.append(
                Drop(
                    f"opt_outs_{number}.csv",
                    f"phone,channel\n405-321-{4000 + number % 40},sms\n405-321-3{number:03d},all\n",
                )
            )
        elif kind == 5:
            drops.append(
                Drop(f"dnc_list_{number}.csv", f"phone\n405-321-{4000 + number % 40}\n405-321-2{number:03d}\n")
            )
        elif kind == 9:
            rows = [
                f"call,2026-02-{1 + day:02d},405-321-{4000 + (number + day) % 60},t-{number}-{day}" for day in range(3)
            ]
            drops.append(Drop(f"touchpoints_{number}.csv", "\n".join(["type,date,phone,touchpoint id", *rows]) + "\n"))
        elif kind == 6:
            first = next(drop for drop in reversed(drops) if drop.name.startswith("people"))
            drops.append(Drop(f"copy_{number}.csv", first.text, "DUPLICATE"))
        elif kind == 3:
            drops.append(Drop(f"wells_{number}.csv", f"Well,Depth\nA{number},1\n", "REJECTED"))
        elif kind == 11:
            text = "" if number % 24 == 11 else f"Name,Phone,X{number}\n"
            drops.append(Drop(f"nothing_{number}.csv", text, "REJECTED"))
        else:
            drops.append(Drop(f"people_{number}.csv", _people(number * 3, 5, street=number + 1)))
    return drops


class _Daemon:
    """Dagster's daemon in a session of its own, and how much memory each process beneath it took: code server, runs."""

    def __init__(self, settings: Settings) -> None:
        prepare(settings)
        home = write_dagster_home(settings)
        self.log = settings.home_dir / "logs" / "daemon.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.peaks: dict[int, float] = {}
        self._over = threading.Event()
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dagster._daemon", "run", "-m", _MODULE],
                env=environment(settings)
                | {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1", "CM_SENSOR_SECONDS": "1"},
                cwd=Path(__file__).parents[2],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        daemon = psutil.Process(self._process.pid)
        while not self._over.wait(0.25):
            try:
                for process in daemon.children(recursive=True):
                    size = process.memory_info().rss / 1e6
                    self.peaks[process.pid] = max(size, self.peaks.get(process.pid, 0.0))
            except psutil.Error:
                continue

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._over.set()
        self._watcher.join()
        group = psutil.Process(self._process.pid).children(recursive=True) if self.is_alive else []
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        _, alive = psutil.wait_procs(group, timeout=10)
        for process in alive:
            process.kill()


@pytest.fixture
def daemon(settings: Settings, database: Database) -> Iterator[_Daemon]:
    started = _Daemon(settings)
    yield started
    started.stop()


def _wait(condition: Callable[[], bool], daemon: _Daemon, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert daemon.is_alive, daemon.log.read_text()[-3000:]
        assert time.monotonic() < deadline, f"{what}: {daemon.log.read_text()[-3000:]}"
        time.sleep(0.2)


def _drop_together(landing: Path, drops: list[Drop], elsewhere: Path) -> None:
    """All files at once; the time of each says in which order they came."""
    elsewhere.mkdir()
    began = time.time() - 10_000
    for number, drop in enumerate(drops):
        path = elsewhere / drop.name
        path.write_text(drop.text)
        os.utime(path, (began + number,) * 2)
    landing.mkdir(parents=True, exist_ok=True)
    for drop in reversed(drops):
        (elsewhere / drop.name).rename(landing / drop.name)


def _all_at_once(settings: Settings, database: Database, daemon: _Daemon, folder: Path, count: int) -> list[Drop]:
    """Drop the files, bring two more by the command line meanwhile, wait until nothing is left to do; look closely."""
    drops = _drops(count)
    _drop_together(settings.home_dir / "landing", drops, settings.home_dir / "elsewhere")
    brought = []
    for number in (1, 2):
        brought.append(folder / f"brought_{number}.csv")
        brought[-1].write_text(_people(number * 7, 6, street=900 + number))
    _wait(
        lambda: column(database, "select count(*) from import_metadata where status not in ('PENDING')")[0] > 0,
        daemon, 120, "nothing begins",
    )  # fmt: skip
    ran = run_cm(settings, "ingest", *brought, folder / "nowhere.csv", "--json")
    assert ran.code == 1
    assert [item["status"] for item in ran.document] == ["COMPLETE", "COMPLETE", "REJECTED"]
    _wait(
        lambda: column(database, "select count(*) from landing_files")[0] >= count + 2
        and not query(
            database,
            "select 1 from import_metadata where status in ('PENDING', 'VALIDATING', 'STAGED', 'APPLYING') "
            "or (status = 'COMPLETE' and checklist_s3 is null)",
        ),
        daemon, 240 + 5 * count, "not all is done",
    )  # fmt: skip
    assert registry.waiting(database) == []
    _assert_once_each(database, drops, brought)
    _assert_in_order(database)
    for record in records.find(database, "where status = 'COMPLETE' and feed = 'contacts'", ()):
        assert_conserved(settings, database, record)
    _assert_runs_are_shared(settings, database, daemon, count)
    logs = [daemon.log, *(settings.home_dir / "logs").glob("*.log")]
    assert not [
        line for log in logs for line in log.read_text(errors="replace").splitlines() if _LOCK_TROUBLE.search(line)
    ]
    print(f"peak memory of the processes: {sorted(map(round, daemon.peaks.values()))} MB")
    assert max(daemon.peaks.values()) < _MOST_MB
    return drops


def _assert_once_each(database: Database, drops: list[Drop], brought: list[Path]) -> None:
    found = records.find(database, "order by id", ())
    assert Counter(record.filename for record in found) == Counter(
        [*(drop.name for drop in drops), *(path.name for path in brought)]
    )
    statuses = {record.filename: record.status for record in found}
    assert {drop.name: statuses[drop.name] for drop in drops} == {drop.name: drop.status for drop in drops}
    assert {record.attempt for record in found if record.status == "COMPLETE"} == {1}
    assert column(database, "select count(*) from import_audit_log where operation = 'STATUS_COMPLETE'") == [
        sum(record.status == "COMPLETE" for record in found)
    ]
    from_landing = [record.filename for record in found if record.uploaded_by == "landing zone"]
    assert from_landing == [drop.name for drop in drops], "registered in order of arrival"


def _assert_in_order(database: Database) -> None:
    """Within a feed, what was dropped is complete in the order in which it came."""
    done = query(
        database,
        "select m.feed, m.id from import_audit_log as a join import_metadata as m on m.import_id = a.import_id "
        "where a.operation = 'STATUS_COMPLETE' and m.uploaded_by = 'landing zone' order by a.id",
    )
    for feed in {feed for feed, _ in done}:
        order = [number for other, number in done if other == feed]
        assert order == sorted(order), feed


def _assert_runs_are_shared(settings: Settings, database: Database, daemon: _Daemon, count: int) -> None:
    """Few runs for many imports; each import has its partition with what became of it."""
    import dagster as dg

    with open_instance(settings) as instance:
        runs = [run for run in instance.get_runs() if run.job_name in IMPORT_JOBS.values()]
        assert len(runs) <= 4 * (1 + count // 100) + 6, [(run.job_name, run.tags) for run in runs]
        _wait(lambda: all(run.is_finished for run in instance.get_runs()), daemon, 120, "a run does not end")
        complete = set(column(database, "select import_id from import_metadata where status = 'COMPLETE'"))
        assert instance.get_materialized_partitions(dg.AssetKey("import_report")) == complete
        contacts = set(
            column(database, "select import_id from import_metadata where status = 'COMPLETE' and feed = 'contacts'")
        )
        assert instance.get_materialized_partitions(dg.AssetKey("persons")) == contacts


def _facts(database: Database) -> dict[str, Any]:
    """What the canonical tables say, ids and the order of writing left out."""
    members: dict[int, set[tuple[Any, ...]]] = {}
    for person, *row in query(
        database,
        "select s.person_id, m.filename, s.`row_number` from person_sources as s "
        "join import_metadata as m on m.import_id = s.import_id",
    ):
        members.setdefault(person, set()).add(tuple(row))
    return {
        "people": golden(database),
        "contacts": {
            table: sorted(
                (*values, sorted(members[person]))
                for person, *values in query(database, f"select person_id, {columns} from {table}")
            )
            for table, columns in (
                ("phone_numbers", "phone_key, is_primary, source_date, coalesce(dnc_status, '')"),
                ("email_addresses", "email_key, is_primary, source_date"),
                ("addresses", "address_key, source_date"),
            )
        },
        "touchpoints": sorted(
            (key, kind, str(date), reason or "", sorted(members.get(person, ())))
            for key, kind, date, reason, person in query(
                database,
                "select touchpoint_key, touchpoint_type, touchpoint_date, unmatched_reason, person_id from touchpoints",
            )
        ),
        "dnc": sorted(query(database, "select phone_e164, source from dnc_registry")),
        "opt_outs": sorted(query(database, "select phone_e164, channel from opt_outs")),
    }


def _assert_as_one_by_one(
    database: Database, make_settings: Callable[..., Settings], make_database: Callable[..., Database], folder: Path
) -> None:
    """The same files, one after the other without the orchestrator, in the order of their ids."""
    other = make_database()
    settings = make_settings(database=other)
    for record in records.find(database, "where status = 'COMPLETE' order by id", ()):
        path = folder / record.filename
        path.write_bytes(Path(record.s3_location.removeprefix("file://")).read_bytes())
        (modified,) = column(
            database,
            "select unix_timestamp(source_date) from import_metadata where import_id = %s",
            (record.import_id,),
        )
        os.utime(path, (float(modified),) * 2)
        assert import_file(settings, other, path).status == "COMPLETE"
    assert _facts(database) == _facts(other)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_files_dropped_together_are_imported_once_each_and_in_order(
    settings: Settings,
    database: Database,
    daemon: _Daemon,
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
    tmp_path: Path,
) -> None:
    _all_at_once(settings, database, daemon, tmp_path, 12)
    _assert_as_one_by_one(database, make_settings, make_database, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_files_dropped_together(
    settings: Settings,
    database: Database,
    daemon: _Daemon,
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
    tmp_path: Path,
) -> None:
    _all_at_once(settings, database, daemon, tmp_path, 200)
    _assert_as_one_by_one(database, make_settings, make_database, tmp_path)
