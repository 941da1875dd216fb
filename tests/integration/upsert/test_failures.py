"""A database that fails in the middle of an apply: rolled back whole, FAILED, and complete the next time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cm_core import upsert
from cm_core.errors import CmError, DatabaseUnavailable, ImportFailed
from cm_core.imports import pipeline, records, registry
from cm_core.imports import replay as engine
from cm_core.imports.records import HOLD
from cm_core.imports.replay_log import Mode, replays_of
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store import database as store
from cm_core.upsert import write
from tests.integration.imports.steps import assert_conserved, checksum, column, counts, query, run, unchanged

PEOPLE = "Name,Phone,Email,Zip\n" + "".join(
    f"Ann Able{number},405-321-{number:04d},ann{number}@example.org,73069\n" for number in range(1000, 1040)
)
KNOWN = "Name,Phone\n" + "".join(f"Ann Able{number},405-321-{number:04d}\n" for number in range(1000, 1030))
MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings(make_settings: MakeSettings, any_database: Database) -> Settings:
    return make_settings(database=any_database)


@pytest.fixture
def staged(settings: Settings, any_database: Database, tmp_path: Path) -> Iterator[str]:
    """An import that is staged and not applied; most of its people are known already."""
    first = tmp_path / "first.csv"
    first.write_text(KNOWN)
    run(settings, any_database, registry.register_file(settings, any_database, first).import_id)
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    import_id = registry.register_file(settings, any_database, path).import_id
    pipeline.check_raw(settings, any_database, import_id)
    pipeline.stage(settings, any_database, import_id)
    yield import_id
    HOLD.release(import_id)


@contextmanager
def trigger(database: Database, table: str, body: str) -> Iterator[None]:
    """The server itself does `body` before each row of the table goes in."""
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"create trigger fault before insert on {table} for each row {body}")
        try:
            yield
        finally:
            cursor.execute("drop trigger fault")


def signal_at(row: int) -> str:
    return f"if new.`row_number` = {row} then signal sqlstate '45000' set message_text = 'disk on fire'; end if"


def test_an_error_of_the_server_within_an_apply_rolls_all_of_it_back(
    settings: Settings, any_database: Database, staged: str
) -> None:
    """The last table but one: persons and contacts are written by then."""
    with trigger(any_database, "person_sources", signal_at(30)):
        with unchanged(any_database), pytest.raises(ImportFailed, match="disk on fire") as failed:
            upsert.apply(settings, any_database, staged)
    assert "\n" not in str(failed.value)
    record = records.get(any_database, staged)
    assert record.status == "FAILED"
    assert "disk on fire" in str(record.status_reason)
    assert set(record.reports) == {"success_report", "error_report", "checklist"}
    assert query(
        any_database,
        "select operation, detail like '%%disk on fire%%' from import_audit_log where import_id = %s order by id desc "
        "limit 1",
        (staged,),
    ) == [("STATUS_FAILED", 1)]
    assert registry.waiting(any_database) == [], "a failure is looked at by somebody, not tried for ever"
    record = run(settings, any_database, staged)
    assert_conserved(settings, any_database, record)
    assert counts(record) == (40, 10, 30, 0, 0)


def test_an_error_of_the_server_within_a_replay_leaves_the_import_as_it_was(
    settings: Settings, any_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Name,Phone\nAnn Able,405-321-1000\n,\n")
    before = run(settings, any_database, registry.register_file(settings, any_database, path).import_id)
    fixed = tmp_path / "fixed.csv"
    fixed.write_text("row_number,Name,Phone\n2,Bob Bell,405-321-2000\n")
    with trigger(any_database, "person_sources", signal_at(2)):
        engine.request(settings, any_database, before.import_id, Mode.ERRORS_ONLY, corrected=fixed)
        with unchanged(any_database), pytest.raises(ImportFailed, match="disk on fire"):
            run(settings, any_database, before.import_id)
    record = records.get(any_database, before.import_id)
    assert (record.status, counts(record)) == ("COMPLETE", counts(before))
    assert "its replay (errors-only) failed: OperationalError" in str(record.status_reason)
    assert_conserved(settings, any_database, record)
    assert [made.status for made in replays_of(any_database, before.import_id)] == ["FAILED"]
    engine.request(settings, any_database, before.import_id, Mode.ERRORS_ONLY, corrected=fixed)
    record = run(settings, any_database, before.import_id)
    assert counts(record) == (2, 2, 0, 0, 0)
    assert record.status_reason is None


def test_a_connection_that_is_killed_within_an_apply(settings: Settings, any_database: Database, staged: str) -> None:
    """The session dies with everything it wrote; the error may be tried again, and the next try is clean."""
    killed: list[int] = []

    def kill() -> None:
        with any_database.connect(autocommit=True) as connection, connection.cursor() as cursor:
            killed.append(_wait_for_load(cursor, any_database, "person_sources"))
            cursor.execute(f"kill connection {killed[0]}")

    killer = threading.Thread(target=kill)
    killer.start()
    with trigger(any_database, "person_sources", "set @nap = sleep(0.05)"):
        with unchanged(any_database), pytest.raises(DatabaseUnavailable, match="rolled back") as failed:
            upsert.apply(settings, any_database, staged)
        killer.join(30)
    assert killed
    assert failed.value.retryable
    assert records.get(any_database, staged).status == "FAILED"
    upsert.apply(settings, any_database, staged)
    assert records.get(any_database, staged).status == "COMPLETE"
    assert column(any_database, "select count(*) from person_sources where import_id = %s", (staged,)) == [40]


def test_a_deadlock_with_another_session_is_run_again(
    settings: Settings, any_database: Database, staged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session holds what the apply wants last and asks for what the apply has; the server ends the apply's.

    That is a person of the second share of those that are folded. The second try is about all of them again.
    """
    monkeypatch.setattr(write, "ROWS_AT_ONCE", 20)
    outcome: list[str] = []
    holding = threading.Event()

    def collide() -> None:
        with any_database.connect() as connection, connection.cursor() as cursor:
            # Whoever has written more survives: much more than the apply.
            cursor.executemany(
                "insert into id_counters values (%s, 1)", [(f"ballast {number}",) for number in range(20_000)]
            )
            cursor.execute("select id from persons order by id desc limit 1 for update")
            holding.set()
            _wait_for_lock(any_database, connection)
            cursor.execute("update id_counters set next_id = next_id where name = 'persons'")
            outcome.append("went through")
            connection.rollback()

    other = threading.Thread(target=collide)
    other.start()
    assert holding.wait(60)
    result = upsert.apply(settings, any_database, staged)
    other.join(60)
    assert outcome == ["went through"], "the apply was the one to give way"
    assert (result.inserted, result.updated) == (10, 30)
    assert records.get(any_database, staged).status == "COMPLETE"
    assert column(any_database, "select count(*) from import_audit_log where operation = 'STATUS_FAILED'") == [0]


def test_a_lock_that_is_held_too_long_is_waited_for_again(
    settings: Settings, any_database: Database, staged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        threading.Event().wait(seconds)

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    _wait_a_second_for_locks(monkeypatch)
    with any_database.connect() as holder:
        holder.cursor().execute("select next_id from id_counters where name = 'persons' for update")
        timer = threading.Timer(2.5, holder.rollback)
        timer.start()
        result = upsert.apply(settings, any_database, staged)
        timer.join()
    assert result.inserted == 10
    assert waits, "the first try ran into the time-out"


def test_locks_that_are_never_given_up_end_in_one_line(
    settings: Settings, any_database: Database, staged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checksum(any_database)
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))
    _wait_a_second_for_locks(monkeypatch)
    with any_database.connect() as holder:
        holder.cursor().execute("select next_id from id_counters where name = 'persons' for update")
        with pytest.raises(CmError, match="other writers hold its rows") as failed:
            upsert.apply(settings, any_database, staged)
        assert checksum(any_database) == before
    assert failed.value.retryable
    assert "\n" not in str(failed.value)


def _wait_a_second_for_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions opened from now on wait a second for a row's lock, not fifty."""
    monkeypatch.setattr(store, "_SESSION", (*store._SESSION, "set session innodb_lock_wait_timeout = 1"))


def _wait_for_load(cursor: Any, database: Database, table: str) -> int:
    """The session that is loading rows into `table`."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cursor.execute(
            "select id from information_schema.processlist where db = %s and id <> connection_id() "
            "and (info like %s or info like %s)",
            (database.name, f"load data%into table `{table}`%", "set @nap%"),  # MySQL shows what the trigger does
        )
        if row := cursor.fetchone():
            return int(row[0])
        time.sleep(0.005)
    raise AssertionError(f"the load of {table} was not seen")


def _wait_for_lock(database: Database, mine: Any) -> None:
    """Wait until another session of the database waits for a row's lock."""
    deadline = time.monotonic() + 60
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "select 1 from information_schema.processlist where db = %s "
                "and info like 'update persons%%' and id not in (%s, connection_id())",
                (database.name, mine.thread_id()),
            )
            if cursor.fetchone():
                time.sleep(0.2)
                return
            time.sleep(0.005)
    raise AssertionError("nobody waited")
