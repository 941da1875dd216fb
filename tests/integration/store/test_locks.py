"""Named locks exclude, end with their connection and do not cross databases; deadlocks are run again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pymysql
import pytest

from cm_core.errors import CmError, DatabaseUnavailable, WriterBusy
from cm_core.store import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, is_held, named_lock, retry_deadlocks, transaction

_HOLDER = """
import os, sys, time
from sqlalchemy import make_url
from cm_core.store import Database
from cm_core.store.locks import named_lock
with Database(make_url(os.environ["URL"])).connect() as c, named_lock(c, "cm_writer", timeout_s=5):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_holder_at_a_time(any_database: Database) -> None:
    with any_database.connect() as first, any_database.connect() as second:
        with named_lock(first, WRITER_LOCK, timeout_s=0):
            assert is_held(second, WRITER_LOCK)
            with pytest.raises(WriterBusy, match="cm_writer"), named_lock(second, WRITER_LOCK, timeout_s=0):
                pass
        assert not is_held(second, WRITER_LOCK)
        with named_lock(second, WRITER_LOCK, timeout_s=0):
            assert is_held(first, WRITER_LOCK)


def test_the_lock_is_released_by_an_exception(any_database: Database) -> None:
    with any_database.connect() as connection:
        with pytest.raises(RuntimeError), named_lock(connection, "x", timeout_s=0):
            raise RuntimeError
        assert not is_held(connection, "x")


def test_a_waiter_gets_the_lock_when_it_is_free(any_database: Database) -> None:
    with any_database.connect() as first, any_database.connect() as second:
        holder = named_lock(first, "x", timeout_s=0)
        holder.__enter__()
        timer = threading.Timer(0.3, holder.__exit__, (None, None, None))
        timer.start()
        with named_lock(second, "x", timeout_s=10):
            timer.join()


def test_locks_of_two_databases_do_not_meet(make_any_database: Callable[..., Database]) -> None:
    one, other = make_any_database(migrated=False), make_any_database(migrated=False)
    with one.connect() as first, other.connect() as second, named_lock(first, "x" * 64, timeout_s=0):
        assert is_held(first, "x" * 64)
        with named_lock(second, "x" * 64, timeout_s=0):
            pass


def test_a_killed_process_leaves_no_lock(any_database: Database) -> None:
    environment = {**os.environ, "URL": any_database.url.render_as_string(hide_password=False)}
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with any_database.connect() as connection:
        assert is_held(connection, WRITER_LOCK)
        holder.kill()
        holder.communicate()
        with named_lock(connection, WRITER_LOCK, timeout_s=10):
            pass


def test_a_broken_connection_shows_its_own_error(any_database: Database) -> None:
    with any_database.connect() as killer, any_database.connect() as victim:
        number = victim.thread_id()
        with pytest.raises(DatabaseUnavailable), named_lock(victim, "x", timeout_s=0), transaction(victim):
            _break(killer, victim, number)


def test_a_transaction_is_all_or_nothing(any_database: Database) -> None:
    with any_database.connect() as connection, any_database.connect() as other:
        with pytest.raises(RuntimeError), transaction(connection):
            _insert_and_fail(connection)
        with transaction(connection):
            connection.cursor().execute("insert into id_counters values ('kept', 1)")
        with other.cursor() as cursor:
            cursor.execute("select name from id_counters")
            assert cursor.fetchall() == (("kept",),)


def test_a_deadlocked_transaction_runs_again(any_database: Database) -> None:
    with any_database.connect() as connection:
        connection.cursor().execute("insert into id_counters values ('a', 1), ('b', 1)")
        connection.commit()
    attempts: list[str] = []
    meet = threading.Barrier(2, timeout=20)

    @retry_deadlocks
    def move(first: str, second: str) -> None:
        attempts.append(first)
        with any_database.connect() as connection, transaction(connection), connection.cursor() as cursor:
            cursor.execute("update id_counters set next_id = next_id + 1 where name = %s", (first,))
            if len(attempts) <= 2:
                meet.wait()
            cursor.execute("update id_counters set next_id = next_id + 1 where name = %s", (second,))

    threads = [threading.Thread(target=move, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(attempts) == 3
    with any_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select distinct next_id from id_counters")
        assert cursor.fetchall() == ((3,),)


def test_ids_are_consecutive_and_a_rollback_gives_them_back(any_database: Database) -> None:
    with any_database.connect() as connection:
        assert allot(connection, "persons", 10) == 1
        assert allot(connection, "persons", 0) == 11
        connection.commit()
        assert allot(connection, "persons", 5) == 11
        connection.rollback()
        assert allot(connection, "persons", 1) == 11
        assert allot(connection, "addresses", 1) == 1
        with pytest.raises(ValueError, match="-1"):
            allot(connection, "persons", -1)


def test_two_writers_never_get_the_same_id(any_database: Database) -> None:
    got: list[int] = []

    @retry_deadlocks
    def take() -> int:
        with any_database.connect() as connection, transaction(connection):
            first = allot(connection, "persons", 3)
            time.sleep(0.005)
            return first

    def work() -> None:
        for _ in range(10):
            got.append(take())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(got) == [1 + 3 * i for i in range(40)]


def test_deadlocks_without_end_become_a_retryable_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    calls: list[int] = []

    @retry_deadlocks
    def always() -> Any:
        calls.append(1)
        raise pymysql.err.OperationalError(1213, "Deadlock found")

    with pytest.raises(CmError) as caught:
        always()
    assert caught.value.retryable
    assert len(calls) == 6


def test_other_errors_are_not_run_again() -> None:
    calls: list[int] = []

    @retry_deadlocks
    def once() -> Any:
        calls.append(1)
        raise pymysql.err.IntegrityError(1062, "Duplicate entry")

    with pytest.raises(pymysql.err.IntegrityError):
        once()
    assert len(calls) == 1


def _break(killer: Any, victim: Any, number: int) -> None:
    killer.cursor().execute("kill %s", (number,))
    victim.cursor().execute("select 1")


def _insert_and_fail(connection: Any) -> None:
    connection.cursor().execute("insert into id_counters values ('gone', 1)")
    raise RuntimeError
