"""Kill the extract of a legacy table at any moment: no slice is there in part, and the next run does the missing."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from cm_core.extract import extracted, latest_plan, open_source, pending, plan_of, plans, slice_pool, verified
from cm_core.settings import Settings
from cm_core.store import Database, DatabaseUrls
from tests.e2e.conftest import run_cm
from tests.e2e.kills import database_of, kill, running, wait_until

#: Facts of a slice that are the same in every extract of the same rows: number, rows, the source's checksum, and that
#: of the file's bytes.
Facts = tuple[int, int, str, str]


@pytest.fixture
def legacy(make_database: Callable[..., Database]) -> Database:
    """A database in the place of the legacy one."""
    return make_database(migrated=False)


def _fill(legacy: Database, rows: int) -> None:
    with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("create table people (id int primary key, name varchar(60), phone varchar(20), note text)")
        cursor.execute(
            "insert into people with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) "
            "select a.i * 1000 + b.i, concat('Person ', b.i, ' é'), concat('405232', lpad(b.i, 4, '0')), "
            "if(b.i %% 3, null, repeat('note ', 20)) from n a, n b where a.i <= %s",
            (rows // 1000,),
        )


@pytest.fixture
def make_extract(
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
    legacy: Database,
    server: DatabaseUrls,
) -> Callable[..., Settings]:
    """Settings of an extract of the table into a home and a database of its own."""

    def make(slice_rows: int) -> Settings:
        url = Database(server.reader).sibling(legacy.name).url_text(hide_password=False)
        return make_settings(
            database=make_database(), legacy_database_url=url, legacy_tables="people", legacy_slice_rows=slice_rows
        )

    return make


def _landed(settings: Settings) -> list[Path]:
    return sorted((settings.home_dir / "landing").rglob("*.parquet"))


def _facts(settings: Settings) -> list[Facts]:
    """What has landed, each slice read again and held against what the source said of it."""
    plan = latest_plan(settings, open_source(settings), "people")
    assert plan is not None
    results = extracted(settings, plan)
    files = {path.stem: path for path in _landed(settings)}
    assert len(files) == len(_landed(settings))
    assert set(files) <= {result.slice for result in results}, "a file that no record vouches for"
    for result in results:
        assert verified(settings, result.slice) is None
    return [
        (
            plan_of(settings, open_source(settings), result.slice)[1],
            result.rows,
            result.checksum,
            hashlib.sha256(files[result.slice].read_bytes()).hexdigest(),
        )
        for result in results
    ]


def _extract(settings: Settings) -> list[Facts]:
    """`cm extract` to its end."""
    ran = run_cm(settings, "extract", "--json")
    assert (ran.code, ran.errors) == (0, []), ran
    assert ran.document["status"] == "COMPLETE"
    plan = latest_plan(settings, open_source(settings), "people")
    assert plan is not None
    assert pending(settings, plan) == []
    assert not any((settings.scratch_dir / "extract").iterdir())
    return _facts(settings)


def _extract_undisturbed(settings: Settings) -> list[Facts]:
    """The same without the command."""
    (plan,) = plans(settings, database_of(settings))
    with slice_pool(settings, plan.slice_names()) as result:
        for name in plan.slice_names():
            result(name)
    return _facts(settings)


def _assert_source_is_left_alone(legacy: Database) -> None:
    """No session of the killed process goes on for long."""
    with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute(
                "select count(*) from information_schema.processlist where db = %s and id <> connection_id() "
                "and command <> 'Sleep'",
                (legacy.name,),
            )
            if cursor.fetchone() == (0,):
                return
            cursor.execute("do sleep(0.05)")
    raise AssertionError("a killed extract still reads")


def _killed(settings: Settings, legacy: Database, places: list[tuple[int, float]], slices: int) -> list[Facts]:
    """Kill the extract so many seconds after each number of landed slices, and let it end; the slices."""
    steady: dict[int, Facts] = {}
    for count, delay in places:
        with running(settings, "extract", "--json") as process:
            if wait_until(partial(_has_landed, settings, count), process):
                wait_until(partial(_is_over, time.monotonic() + delay), process)
            kill(process)
        _assert_source_is_left_alone(legacy)
        if not list((settings.home_dir / "lake" / "extracts").rglob("plan.json")):
            continue
        found = {fact[0]: fact for fact in _facts(settings)}
        assert {number: found[number] for number in steady} == steady, "a slice that had landed was done again"
        steady = found
    assert 0 < len(steady) < slices, "the kills came before or after all of it"
    ended = _extract(settings)
    assert {fact[0]: fact for fact in ended}.items() >= steady.items()
    return ended


def _has_landed(settings: Settings, count: int) -> bool:
    return len(_landed(settings)) >= count


def _is_over(end: float) -> bool:
    return time.monotonic() >= end


@pytest.mark.soak
def test_a_killed_extract_goes_on_with_the_slices_that_are_missing(
    make_extract: Callable[[int], Settings], legacy: Database
) -> None:
    """Killed when two of its slices had landed."""
    _fill(legacy, 60_000)
    quiet, killed = make_extract(5_000), make_extract(5_000)
    undisturbed = _extract_undisturbed(quiet)
    assert [fact[:2] for fact in undisturbed] == [(number, 5_000) for number in range(1, 13)]
    assert _killed(killed, legacy, [(2, 0)], 12) == undisturbed


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_kills_of_a_long_extract(make_extract: Callable[[int], Settings], legacy: Database) -> None:
    """The long form: two processes read forty slices, and are killed all over them."""
    _fill(legacy, 800_000)
    quiet, killed = make_extract(20_000), make_extract(20_000)
    undisturbed = _extract_undisturbed(quiet)
    chance = random.Random(4)
    counts = zip(cycle((0, 1, 3, 6, 10, 14, 18, 22, 26, 30)), range(20), strict=False)
    places = [(0, chance.uniform(1, 6)), *sorted((count, chance.uniform(0, 0.4)) for count, _ in counts)]
    assert _killed(killed, legacy, places, 40) == undisturbed


@pytest.mark.soak
def test_two_extracts_at_once_do_each_slice_once(make_extract: Callable[[int], Settings], legacy: Database) -> None:
    """Nor does one that was started beside another harm it: both end, and every slice is there once."""
    _fill(legacy, 30_000)
    quiet, both = make_extract(5_000), make_extract(5_000)
    undisturbed = _extract_undisturbed(quiet)
    with running(both, "extract", "--json") as first, running(both, "extract", "--json") as second:
        for process in (first, second):
            process.communicate(timeout=240)
    assert _extract(both) == undisturbed
    assert database_of(both).name != database_of(quiet).name
