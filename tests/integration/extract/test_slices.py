"""Slices cover the table, each row once; what goes wrong in between is noticed, and nothing half done lands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from cm_core.errors import DatabaseUnavailable, SettingsError, StoreError, UsageError, WriterBusy
from cm_core.extract import (
    ExtractFailed,
    Plan,
    Source,
    extract_slice,
    latest_plan,
    make_plan,
    open_source,
    pending,
    plans,
    result_of,
    shortfall,
    slice_pool,
    tables,
    verify_slice,
)
from cm_core.extract import slices as slices_module
from cm_core.extract import source as source_module
from cm_core.extract.source import Snapshot
from cm_core.imports import registry
from cm_core.imports.naming import choose_feed
from cm_core.lake import lake, landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import named_lock
from tests.integration.extract.conftest import Run, SettingsFactory, land, landed, plan_for
from tests.integration.imports.steps import run as run_import

_PEOPLE = "create table people (id bigint primary key, name varchar(40))"


def _landed_files(settings: Settings) -> list[Path]:
    folder = landing_zone(settings).local_path("legacy")
    assert folder is not None
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [7],
        [0],
        [-9223372036854775808, -5, -4, 0, 1, 9223372036854775807],
        list(range(1, 10)),
        list(range(1, 11)),
        [1, 2, 3, 1_000_000, 1_000_001, 5_000_000_000],
        list(range(-30, 300, 7)),
    ],
    ids=["empty", "one", "zero", "extremes", "three full slices", "one more", "gaps", "negative"],
)
def test_slices_cover_exactly_the_keys(
    run: Run, legacy_settings: SettingsFactory, database: Database, keys: list[int]
) -> None:
    run(_PEOPLE, *(f"insert into people values ({key}, 'n{key}')" for key in keys))
    settings = legacy_settings(legacy_slice_rows=3)
    plan = land(settings, database)
    assert [one.rows for one in plan.slices] == [3] * (len(keys) // 3) + ([len(keys) % 3] if len(keys) % 3 else [])
    assert plan.rows == len(keys)
    assert landed(settings, order="cast(id as bigint)") == [(str(key), f"n{key}") for key in keys]
    assert shortfall(settings, plan) is None
    assert pending(settings, plan) == []


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("a int, b int, primary key (a, b)", [f"({a}, {b})" for a in range(5) for b in range(a + 1)]),
        ("a int, b varchar(9), c date, primary key (b, c, a)",
         [f"({a}, '{b}', '2024-01-0{c}')" for a in (1, 2) for b in "xyz" for c in (1, 2)]),
        ("a varchar(20) primary key", [f"('{text}')" for text in ("", "a", "B", "é", "it''s", "\\\\", "z ", "日本")]),
        ("a varchar(20) collate utf8mb4_bin primary key", [f"('{text}')" for text in ("a", "A", "b", "B", "é", "É")]),
        ("a varchar(20) character set latin1 primary key", [f"('{text}')" for text in ("a", "é", "ü", "z")]),
        ("a binary(4) primary key", [f"(x'{n:08x}')" for n in (0, 1, 0x1F1E0000, 0x7F000000, 0xFF000000, 0xFFFFFFFF)]),
        ("a decimal(20,5) primary key", [f"({n})" for n in ("-1.5", "0", "0.00001", "10", "9.99999")]),
        ("a datetime(3) primary key", [f"('2024-01-01 00:00:00.{n:03d}')" for n in range(7)] + ["('0000-00-00')"]),
        ("a timestamp(6) default 0 primary key", [f"('2024-03-10 02:30:00.{n:06d}')" for n in range(5)]),
        ("a time primary key", ["('-10:00:00')", "('-09:00:00')", "('00:00:00')", "('100:00:00')"]),
        ("a year primary key", ["(0)", "(1901)", "(2024)", "(2155)"]),
        ("a bigint unsigned primary key", ["(0)", "(9223372036854775808)", "(18446744073709551615)"]),
    ],
)  # fmt: skip
def test_any_key_can_be_sliced(
    run: Run, legacy_settings: SettingsFactory, database: Database, key: str, values: list[str]
) -> None:
    run(f"create table people ({key})", f"insert into people values {', '.join(values)}")
    settings = legacy_settings(legacy_slice_rows=2)
    plan = land(settings, database)
    assert plan.rows == len(values)
    assert len(plan.slices) == (len(values) + 1) // 2
    assert len(set(landed(settings))) == len(landed(settings)) == len(values)
    assert [result.rows for one in plan.slices if (result := result_of(settings, plan, one.number))] == [
        one.rows for one in plan.slices
    ]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.integers(-(2**63), 2**63 - 1), max_size=30),
    between=st.sets(st.integers(-(2**63), 2**63 - 1), max_size=10),
    slice_rows=st.integers(1, 12),
)
def test_rows_that_come_in_between_are_in_one_slice_or_beyond_the_plan(
    run: Run, legacy_settings: SettingsFactory, database: Database, keys: set[int], between: set[int], slice_rows: int
) -> None:
    run("drop table if exists people", _PEOPLE)
    insert = "insert ignore into people values "
    if keys:
        run(insert + ", ".join(f"({key}, 'x')" for key in keys))
    settings = legacy_settings(legacy_slice_rows=slice_rows)
    plan_for(settings, database)
    if between:
        run(insert + ", ".join(f"({key}, 'y')" for key in between))
    land(settings, database)
    expected = {key for key in keys | between if keys and key <= max(keys)}
    assert Counter(int(row[0]) for row in landed(settings)) == Counter(expected)


def test_a_plan_is_kept_until_its_extract_is_complete(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, 'c')")
    settings = legacy_settings(legacy_slice_rows=2)
    (first,) = plans(settings, database)
    run("insert into people values (4, 'd')")
    assert plans(settings, database, anew=True) == [first]
    land(settings, database)
    assert [row[0] for row in landed(settings)] == ["1", "2", "3"]
    assert plans(settings, database) == [first]
    (second,) = plans(settings, database, anew=True)
    assert (second.rows, first.rows) == (4, 3)
    assert second.plan_id > first.plan_id
    assert latest_plan(settings, open_source(settings), "people") == second


def test_what_has_landed_is_left_alone(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, 'c')")
    settings = legacy_settings(legacy_slice_rows=2)
    plan = land(settings, database)
    before = {path: path.stat().st_mtime_ns for path in _landed_files(settings)}
    results = [result_of(settings, plan, number) for number in (1, 2)]
    run("update people set name = 'z'")
    assert land(settings, database) == plan
    assert {path: path.stat().st_mtime_ns for path in _landed_files(settings)} == before
    assert [result_of(settings, plan, number) for number in (1, 2)] == results
    assert len(before) == 2


def test_a_row_that_changes_while_a_slice_is_read_does_not_tear_it(
    run: Run, legacy: Database, legacy_settings: SettingsFactory, database: Database
) -> None:
    """Rows, count and checksum are of one snapshot: a busy writer neither breaks the slice nor slips in."""
    run(
        "create table people (id bigint primary key, name varchar(40), changed int not null)",
        "insert into people with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) "
        "select a.i * 1000 + b.i, repeat('n', 40), 0 from n a, n b where a.i <= 60",
    )
    settings = legacy_settings(legacy_slice_rows=1_000_000)
    plan = plan_for(settings, database)
    stop, changes = threading.Event(), []

    def write() -> None:
        with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                number = len(changes)
                cursor.execute("start transaction")
                # In every state that is committed, the sum over the table is nought.
                cursor.execute(f"update people set changed = changed + 1 where id = {1001 + number % 1000}")
                cursor.execute(f"update people set changed = changed - 1 where id = {60001 + number % 1000}")
                cursor.execute(f"delete from people where id = {2001 + number}")
                cursor.execute(f"insert into people values ({-1 - number}, 'new', 0)")
                cursor.execute("commit")
                changes.append(number)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(changes) < 5:
            time.sleep(0.01)
        before = len(changes)
        result = extract_slice(settings, database, open_source(settings), plan, 1)
        during = len(changes) - before
    finally:
        stop.set()
        thread.join()
    assert during > 5
    assert result.rows == 60_000
    assert landed(settings, "count(*), sum(changed::int)") == [(60_000, 0)]
    assert verify_slice(settings, plan, 1) is None


def test_a_count_of_another_moment_fails_the_slice(
    run: Run, legacy_settings: SettingsFactory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were count and rows of two moments, a change in between would be noticed."""
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b')")
    settings = legacy_settings()
    plan = plan_for(settings, database)
    write = slices_module._write_rows

    def then_change(*arguments: Any) -> Any:
        written = write(*arguments)
        run("update people set name = 'c' where id = 2")
        return written

    monkeypatch.setattr(slices_module, "_write_rows", then_change)
    with monkeypatch.context() as patch:
        patch.setattr(source_module, "_SNAPSHOT", "select 1")  # each statement sees what has been committed
        patch.setattr(Source, "_session", lambda self: ["set session transaction isolation level read committed"])
        with pytest.raises(ExtractFailed, match="does not match its source: the source counted 2 rows with checksum"):
            extract_slice(settings, database, open_source(settings), plan, 1)
    assert _landed_files(settings) == []
    assert pending(settings, plan) == plan.slice_names()
    run("update people set name = 'b' where id = 2")
    assert extract_slice(settings, database, open_source(settings), plan, 1).rows == 2
    assert landed(settings) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("engine", ["MyISAM", "MEMORY"])
def test_engines_without_snapshots_give_rows_and_count_of_one_moment(
    run: Run, legacy: Database, legacy_settings: SettingsFactory, database: Database, engine: str
) -> None:
    """One statement for both. A writer that never rests finds no gap between them."""
    run(
        f"create table people (id bigint, name varchar(40), n int(8) zerofill, shift time, x double, primary key (id) "
        f"using btree) engine {engine}",
        "insert into people with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) "
        "select a.i * 1000 + b.i, repeat('n', 9), b.i, '-10:00:00', b.i / 7e0 from n a, n b where a.i <= 20",
    )
    settings = legacy_settings(legacy_slice_rows=1_000_000)
    plan = plan_for(settings, database)
    assert not plan.has_snapshots
    stop, changes = threading.Event(), []

    def write() -> None:
        with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(f"update people set name = 'changed {len(changes)}' where id = {20_500 - len(changes)}")
                cursor.execute(f"delete from people where id = {2001 + len(changes)}")
                changes.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(changes) < 5:
            time.sleep(0.01)
        result = extract_slice(settings, database, open_source(settings), plan, 1)
    finally:
        stop.set()
        thread.join()
    assert 19_000 < result.rows < 20_000
    assert landed(settings, "count(*), min(n), max(x), any_value(shift)") == [
        (result.rows, "00000001", "99.85714285714286", "-10:00:00")
    ]


@pytest.mark.parametrize(
    "change",
    [
        "select * replace (name || ' ' as name)",
        "select * replace (nullif(name, 'b') as name)",
        "select id, coalesce(name, '') as name",
        "select id, lag(name, 1, name) over (order by id) as name",
        "select name as id, id as name",
        "select * replace (if(id = '3', '4', id) as id)",
    ],
    ids=["a space", "a value is lost", "null is empty", "rows are mixed", "columns are mixed", "another row"],
)
def test_a_file_that_was_tampered_with_is_noticed(
    run: Run, legacy_settings: SettingsFactory, database: Database, change: str
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, null)")
    settings = legacy_settings()
    plan = land(settings, database)
    assert verify_slice(settings, plan, 1) is None
    (path,) = _landed_files(settings)
    with duckdb.connect() as con:
        con.execute("create table t as select * from read_parquet(?)", [str(path)])
        con.execute(f"copy ({change} from t) to '{path}' (format parquet)")
    problem = verify_slice(settings, plan, 1)
    assert problem
    assert "does not match its source" in problem


def test_keys_in_any_character_set_lose_no_row(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    """Bytes without an equal in UTF-8, and ill-formed ones, as the first, the last and between."""
    run("create table people (k varchar(20) character set cp1251 collate cp1251_bin primary key)")
    keys = [bytes([0x98]), b"abc", bytes([0xC0, 0xC1]), bytes([0x98, 0x98]), b"zz", bytes([0xFF])]
    run(f"insert into people values {', '.join(f'(_cp1251 0x{key.hex()})' for key in keys)}")
    settings = legacy_settings(legacy_slice_rows=2)
    plan = land(settings, database)
    assert (len(plan.slices), plan.rows, len(landed(settings))) == (3, 6, 6)


def test_an_older_plan_goes_on_as_it_was_cut(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    run("create table people (k varchar(20) character set latin1 primary key)",
        "insert into people values ('á'), ('b'), ('c')")  # fmt: skip
    settings = legacy_settings(legacy_slice_rows=2)
    plan = plan_for(settings, database)
    file = lake(settings).local_path(f"{plan.folder}/plan.json")
    assert file is not None
    old = json.loads(file.read_text())
    del old["exact_keys"], old["slice_rows"]
    for one in old["slices"]:  # text, as it was before
        for side in ("after", "upto"):
            one[side] = one[side] and [bytes.fromhex(value.partition(":")[2]).decode("latin1") for value in one[side]]
    file.write_text(json.dumps(old))
    assert latest_plan(settings, open_source(settings), "people").slices[0].upto == ("utf8mb4:62",)  # type: ignore[union-attr]
    land(settings, database)
    assert landed(settings) == [("b",), ("c",), ("á",)]


def test_a_plan_that_cannot_be_carried_out_is_made_anew(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run("create table people (id int primary key, a int, b int)", "insert into people values (1, 1, 1), (2, 2, 2)")
    settings = legacy_settings()
    source = open_source(settings)

    def again(**fields: Any) -> Plan:
        given = legacy_settings(**fields).model_copy(update={"home": settings.home, "lake_url": settings.lake_url})
        return make_plan(given, database, source, "people", "legacy_contacts", anew=True, is_done=lambda _: False)

    first = again()
    assert again().plan_id == first.plan_id, "an extract under way goes on"
    smaller = again(legacy_slice_rows=1)
    assert (smaller.plan_id > first.plan_id, len(smaller.slices)) == (True, 2)
    run("alter table people drop column b")
    narrower = again(legacy_slice_rows=1)
    assert narrower.plan_id > smaller.plan_id
    assert [column.name for column in narrower.columns] == ["id", "a"]


def test_what_goes_back_to_what_it_was_comes_in_once_more(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run("create table people (id int primary key, first_name varchar(9), last_name varchar(9), email varchar(20))",
        "insert into people values (1, 'Ann', 'Able', ''), (2, 'Bob', 'Bold', 'bob@x.org')")  # fmt: skip
    settings = legacy_settings(legacy_slice_rows=1, settle_seconds=0.0)
    source, found = open_source(settings), []
    for email in ("a@x.org", "b@x.org", "a@x.org", "a@x.org"):
        run(f"update people set email = '{email}' where id = 1")
        plan = make_plan(settings, database, source, "people", "legacy_contacts", anew=True, is_done=lambda _: True)
        for one in plan.slices:
            extract_slice(settings, database, source, plan, one.number)
        found.append([one.status for one in registry.scan_landing(settings, database)])
        for waiting in registry.waiting(database):
            run_import(settings, database, waiting.import_id)
    assert found == [["PENDING"] * 2, ["PENDING", "DUPLICATE"], ["PENDING", "DUPLICATE"], ["DUPLICATE"] * 2]


def test_a_file_that_is_cut_or_gone_is_noticed(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, null)")
    settings = legacy_settings()
    plan = land(settings, database)
    (path,) = _landed_files(settings)
    path.unlink()
    assert "is not there any more" in str(verify_slice(settings, plan, 1))
    assert pending(settings, plan) == plan.slice_names()


def test_the_landing_zone_is_never_overwritten(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    run(_PEOPLE, "insert into people values (1, 'a')")
    settings = legacy_settings()
    plan = land(settings, database)
    (path,) = _landed_files(settings)
    path.write_bytes(b"something else")
    with pytest.raises(StoreError, match="exists already and is write-once"):
        land(settings, database)
    assert path.read_bytes() == b"something else"
    assert pending(settings, plan)


def test_a_slice_whose_rows_are_gone_lands_no_file(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, 'c')")
    settings = legacy_settings(legacy_slice_rows=2)
    plan = plan_for(settings, database)
    run("delete from people where id > 2")
    land(settings, database)
    assert len(_landed_files(settings)) == 1
    assert pending(settings, plan) == []
    assert "2 rows landed, 3 were counted" in str(shortfall(settings, plan))
    assert verify_slice(settings, plan, 2) is None


def test_nothing_can_be_written_through_the_source(
    run: Run, legacy: Database, legacy_settings: SettingsFactory, make_settings: SettingsFactory, database: Database
) -> None:
    """Neither as an account with SELECT only nor, by the session, as one that might."""
    run(_PEOPLE)
    owner = make_settings(database=database, legacy_database_url=legacy.url_text(hide_password=False))
    for settings, refusal in ((legacy_settings(), "denied|READ ONLY"), (owner, "READ ONLY")):
        source = open_source(settings)
        for statement in ("insert into people values (1, 'x')", "delete from people", "create table more (a int)"):
            with pytest.raises((pymysql.err.Error, ExtractFailed), match=refusal):
                with source.connect() as connection, connection.cursor() as cursor:
                    cursor.execute(statement)
            with pytest.raises(ExtractFailed, match=refusal), source.snapshot() as snapshot:
                list(snapshot.rows(statement))
    assert run("select count(*) from people") == [(0,)]
    assert [name for (name,) in run("show tables")] == ["people"]


def test_a_slice_takes_no_lock_and_leaves_no_session(
    run: Run, legacy: Database, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b')")
    settings = legacy_settings()
    with legacy.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select * from people for update")  # a writer holds every row
        land(settings, database)
    assert len(landed(settings)) == 2
    for _ in range(50):
        if not [row for row in run("show processlist") if row[3] == legacy.name and row[4] == "Sleep"]:
            break
        time.sleep(0.1)
    run("alter table people add column more int")  # would wait for a session that still reads


def test_two_processes_do_not_extract_one_slice_at_once(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a')")
    settings = legacy_settings()
    plan = plan_for(settings, database)
    with database.connect() as connection, named_lock(connection, f"cm_extract.{plan.slice_name(1)}", timeout_s=1):
        with pytest.raises(WriterBusy):
            land(settings, database)
    land(settings, database)


def test_a_connection_that_breaks_is_tried_again(
    run: Run, legacy_settings: SettingsFactory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b')")
    settings = legacy_settings()
    plan = plan_for(settings, database)
    write, tries = slices_module._write_rows, []

    def breaks_twice(*arguments: Any) -> Any:
        tries.append(arguments)
        written = write(*arguments)
        if len(tries) < 3:
            raise DatabaseUnavailable("gone")
        return written

    monkeypatch.setattr(slices_module, "_write_rows", breaks_twice)
    extract_slice(settings, database, open_source(settings), plan, 1)
    assert len(tries) == 3
    assert len(landed(settings)) == 2


_PROXY = """
import socket, sys, threading
port, cuts, after = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(a, b, counted):
    global cuts
    seen = 0
    while data := a.recv(65536):
        seen += len(data)
        if counted and cuts and seen > after:
            cuts -= 1
            break
        b.sendall(data)
    for end in (a, b):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
while True:
    client = listener.accept()[0]
    server = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=pump, args=(client, server, False), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, True), daemon=True).start()
"""


@pytest.mark.parametrize("cuts", [1, 99])
def test_a_connection_that_is_cut_in_the_middle(
    run: Run, legacy_settings: SettingsFactory, database: Database, cuts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slice begins anew, or says in the end that the database is out of reach."""
    run(
        "create table people (id bigint primary key, name varchar(40))",
        "insert into people with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) "
        "select a.i * 1000 + b.i, repeat('n', 40) from n a, n b where a.i <= 20",
    )
    monkeypatch.setattr(slices_module, "_TRIES", 2)
    url = make_url(str(legacy_settings().legacy_database_url.get_secret_value()))  # type: ignore[union-attr]
    proxy = subprocess.Popen(
        [sys.executable, "-c", _PROXY, str(url.port), str(cuts), "300000"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert proxy.stdout
        port = int(proxy.stdout.readline())
        through = url.set(port=port).render_as_string(hide_password=False)
        settings = legacy_settings(legacy_database_url=through)
        plan = plan_for(settings, database)
        if cuts == 1:
            land(settings, database)
            assert landed(settings, "count(*), count(distinct id)") == [(20_000, 20_000)]
        else:
            with pytest.raises(DatabaseUnavailable, match="same command again, or check CM_LEGACY_DATABASE_URL"):
                land(settings, database)
            assert pending(settings, plan) == plan.slice_names()
            assert _landed_files(settings) == []
    finally:
        proxy.kill()
        proxy.wait()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE, "insert into people values " + ", ".join(f"({n}, 'x')" for n in range(300)))
    source = open_source(legacy_settings(legacy_statement_seconds=1))
    endless = "select a.id from people a, people b, people c, people d"
    with pytest.raises(ExtractFailed, match="did not finish a slice within 1 s"), source.snapshot() as snapshot:
        deque(snapshot.rows(endless), maxlen=0)


def test_a_source_out_of_reach_is_said_so_without_its_password(legacy_settings: SettingsFactory) -> None:
    settings = legacy_settings(legacy_database_url="mysql://someone:geheim@127.0.0.1:1/legacy")
    with pytest.raises(DatabaseUnavailable, match=r"legacy database at 127.0.0.1:1/legacy") as caught:
        open_source(settings).table("people")
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize("url", ["postgresql://u:geheim@h/d", "mysql://u:geheim@h", "geheim", "mysql://u:geheim@h:x/d"])
def test_a_url_that_cannot_be_meant_is_not_shown(legacy_settings: SettingsFactory, url: str) -> None:
    with pytest.raises(SettingsError, match="CM_LEGACY_DATABASE_URL") as caught:
        open_source(legacy_settings(legacy_database_url=url))
    assert "geheim" not in str(caught.value)


def test_tables_by_list_or_by_file(legacy_settings: SettingsFactory, tmp_path: Path) -> None:
    assert tables(legacy_settings(legacy_tables="people, owners = voter_ny,")) == {
        "people": "legacy_contacts",
        "owners": "voter_ny",
    }
    path = tmp_path / "tables.yaml"
    path.write_text("people: contacts\nno-calls: dnc_registry\n")
    assert tables(legacy_settings(legacy_tables=str(path))) == {"people": "contacts", "no-calls": "dnc_registry"}
    for wrong in ("", " , ", str(tmp_path / "gone.yaml"), "a b,a_b"):
        with pytest.raises(SettingsError, match="CM_LEGACY_TABLES"):
            tables(legacy_settings(legacy_tables=wrong))


def test_an_unknown_feed_or_table_is_refused_before_anything_is_read(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(_PEOPLE)
    with pytest.raises(UsageError, match="Unknown feed 'nonsense'"):
        plans(legacy_settings(legacy_tables="people=nonsense"), database)
    with pytest.raises(UsageError, match="does not name owners"):
        plans(legacy_settings(), database, ["owners"])


def test_the_import_can_tell_the_feed_from_where_a_slice_lies(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run("create table contacts (id int primary key)", "insert into contacts values (1)")
    for tables_setting, feed in (("contacts", "legacy_contacts"), ("contacts=dnc_registry", "dnc_registry")):
        settings = legacy_settings(legacy_tables=tables_setting)
        (plan,) = plans(settings, database)
        key = Path(plan.landing_key(1))
        assert choose_feed(key.name, folders=key.parts[:-1]).feed == feed


_KILLED = """
import sys, time
from cm_core.extract import open_source, plan_of, extract_slice, slices
from cm_core.extract.source import Snapshot
from cm_core.settings import get_settings
from cm_core.store import open_database
settings = get_settings()
database = open_database(settings)
source = open_source(settings)
stop_at = sys.argv[1]
def pause():
    print("at work", flush=True)
    time.sleep(600)
if stop_at == "while reading":
    Snapshot.rows = lambda *a: [pause()]
elif stop_at == "after writing":
    slices._facts = lambda *a: pause()
elif stop_at == "before landing":
    class Stop:
        def put_file(self, *a, **k):
            pause()
        def head(self, key):
            return None
    slices.landing_zone = lambda settings: Stop()
plan, number = plan_of(settings, source, sys.argv[2])
extract_slice(settings, database, source, plan, number)
"""


@pytest.mark.parametrize("moment", ["while reading", "after writing", "before landing"])
def test_a_killed_process_leaves_nothing_and_the_slice_is_done_again(
    run: Run, legacy_settings: SettingsFactory, database: Database, moment: str
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b'), (3, 'c')")
    settings = legacy_settings(legacy_slice_rows=2)
    plan = plan_for(settings, database)
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, moment, plan.slice_name(1)],
        env=_environment(settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "at work\n"
    process.kill()
    process.wait()
    assert _landed_files(settings) == []
    assert pending(settings, plan) == plan.slice_names()
    land(settings, database)
    assert landed(settings) == [("1", "a"), ("2", "b"), ("3", "c")]
    assert not any((settings.scratch_dir / "extract").iterdir())


def test_a_killed_extract_goes_on_where_it_was(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    """Kill -9 of the whole extract in the middle; then it goes on: no slice is lost or doubled."""
    run(
        "create table people (id bigint primary key, name varchar(40))",
        "insert into people with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) "
        "select a.i * 1000 + b.i, repeat('n', 40) from n a, n b where a.i <= 60",
    )
    settings = legacy_settings(legacy_slice_rows=5000)
    plan = plan_for(settings, database)
    program = (
        "import sys\nfrom cm_core.extract import plans, slice_pool, pending\n"
        "from cm_core.settings import get_settings\nfrom cm_core.store import open_database\n"
        "if __name__ == '__main__':\n"
        "    settings = get_settings()\n    (plan,) = plans(settings, open_database(settings))\n"
        "    with slice_pool(settings, plan.slice_names()) as extract:\n"
        "        for name in plan.slice_names():\n            extract(name); print(name, flush=True)\n"
    )
    script = settings.home_dir / "extract.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(script)], env=_environment(settings), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    todo = pending(settings, plan)
    assert 0 < len(todo) < len(plan.slices)
    mtimes = {path: path.stat().st_mtime_ns for path in _landed_files(settings)}
    with slice_pool(settings, todo) as extract:
        results = [extract(name) for name in todo]
    assert [result.slice for result in results] == todo
    assert {path: path.stat().st_mtime_ns for path in mtimes} == mtimes
    assert landed(settings, "count(*), count(distinct id), sum(id::bigint)") == [
        (60_000, 60_000, run("select sum(id) from people")[0][0])
    ]


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url
    assert settings.legacy_database_url
    return {
        **os.environ,
        "CM_HOME": str(settings.home_dir),
        "CM_DATABASE_URL": settings.database_url.get_secret_value(),
        "CM_LEGACY_DATABASE_URL": settings.legacy_database_url.get_secret_value(),
        "CM_LEGACY_TABLES": settings.legacy_tables,
        "CM_LEGACY_SLICE_ROWS": str(settings.legacy_slice_rows),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }


def test_the_checksum_sees_a_row_that_the_connection_lost(
    run: Run, legacy_settings: SettingsFactory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(_PEOPLE, "insert into people values (1, 'a'), (2, 'b')")
    settings = legacy_settings()
    plan = plan_for(settings, database)
    facts = slices_module._facts
    monkeypatch.setattr(slices_module, "_facts", lambda *a: (facts(*a)[0] - 1, facts(*a)[1]))
    with pytest.raises(ExtractFailed, match="the source counted 2 rows"):
        land(settings, database)
    monkeypatch.undo()
    rows = Snapshot.rows

    def loses_one(self: Snapshot, statement: str) -> Any:
        for arrays in rows(self, statement):
            yield [array[1:] for array in arrays] if len(arrays) == 2 else arrays

    monkeypatch.setattr(Snapshot, "rows", loses_one)
    with pytest.raises(ExtractFailed, match=r"the source counted 2 rows with checksum .*, the file has 1 with"):
        land(settings, database)
    assert _landed_files(settings) == []
    assert pending(settings, plan) == plan.slice_names()
