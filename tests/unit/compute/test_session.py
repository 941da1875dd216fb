"""Sessions share engines, one after the other, and nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cm_core.compute import beside, scratch_folder, session
from cm_core.settings import Settings

_FACTS = "select current_setting('memory_limit'), current_setting('threads'), current_setting('timezone')"
_THERE = "select (select count(*) from duckdb_tables()), (select count(*) from duckdb_views() where not internal)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_session_finds_nothing_of_the_one_before(settings: Settings) -> None:
    with session(settings, memory_limit="1GiB", threads=1) as con:
        con.execute(
            "create table mine as select 1 as x; create temp table also as from mine; create view v as from mine"
        )
        con.execute("set preserve_insertion_order = true; set timezone = 'America/Chicago'")
        first = scratch_folder(con)
    with session(settings, memory_limit="2GiB", threads=2) as con:
        assert con.execute(_THERE).fetchall() == [(0, 0)]
        assert con.execute(_FACTS).fetchall() == [("2.0 GiB", 2, "UTC")]
        assert con.execute("select current_setting('preserve_insertion_order')").fetchall() == [(False,)]
        assert scratch_folder(con) != first
    assert list(settings.scratch_dir.iterdir()) == []


def test_sessions_at_the_same_time_do_not_see_each_other(settings: Settings) -> None:
    with session(settings) as one, session(settings) as other:
        one.execute("create table mine as select 1 as x")
        assert other.execute(_THERE).fetchall() == [(0, 0)]


def test_the_limit_is_shared(settings: Settings) -> None:
    with session(settings, memory_limit="1GiB", shares=4) as con:
        assert con.execute("select current_setting('memory_limit')").fetchall() == [("256.0 MiB",)]


def test_a_connection_beside_it_sees_the_same(settings: Settings) -> None:
    with session(settings) as con:
        con.execute("create table mine as select 7 as x")
        with beside(con) as other:
            assert other.execute("from mine").fetchall() == [(7,)]


def test_a_session_that_spilled_or_failed_leaves_room_for_the_next(settings: Settings) -> None:
    with session(settings, memory_limit="40MiB", threads=1) as con:
        con.execute("create table large as select range as i, repeat('x', 40) || range as text from range(1500000)")
        folder = scratch_folder(con)
        assert folder is not None
        assert any(folder.rglob("*.tmp")), "it was to spill"
    with pytest.raises(duckdb.Error), session(settings) as con:
        con.execute("begin; create table mine as select 1 as x; from nowhere")
    with session(settings) as con:
        assert con.execute(_THERE).fetchall() == [(0, 0)]
    assert list(settings.scratch_dir.iterdir()) == []


def test_a_file_keeps_what_it_holds(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "it's kept.duckdb"
    for expected in (1, 2):
        with session(settings, database=file) as con:
            con.execute("create table if not exists kept (x int); insert into kept values (1)")
            assert con.execute("select count(*) from kept").fetchall() == [(expected,)]
