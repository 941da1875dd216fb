"""kill -9 at every step of a bulk apply: before the swap nothing is there, behind it everything; a re-run completes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.import_together import import_together
from tests.e2e.kills import kill, running, wait_until
from tests.integration.imports.steps import checksum, query

_MODULE = "tests.e2e.import_together"
_SCHEMA = """
select table_name, column_name, 'column', column_type from information_schema.columns where table_schema = database()
union all
select table_name, index_name, column_name, seq_in_index from information_schema.statistics
where table_schema = database()
union all
select table_name, constraint_name, column_name, referenced_table_name from information_schema.key_column_usage
where constraint_schema = database() and referenced_table_name is not null
"""
_AT_WORK = "select 1 from information_schema.processlist where info like '{}'"
_THERE = "select 1 from information_schema.tables where table_schema = database() and table_name = '{}'"
#: Steps of a bulk apply, in order: what shows that it is there.
STEPS = {
    "shadows are there": _THERE.format("persons__new"),
    "first rows": _AT_WORK.format("load data%`persons\\_\\_new`%"),
    "last rows": _AT_WORK.format("load data%`person\\_sources\\_\\_new`%"),
    "indexes": _AT_WORK.format("alter table addresses\\_\\_new add%"),
    "swapped": _THERE.format("persons__old"),
    "foreign keys": _AT_WORK.format("alter table %add constraint%"),
    "old tables dropped": _AT_WORK.format("drop table %\\_\\_old"),
}
#: Those at which nothing may be seen yet.
BEFORE_THE_SWAP = ("shadows are there", "first rows", "last rows")


def _kill_at(step: str, settings: Settings, database: Database, paths: list[Path]) -> bool:
    """Start the imports and kill them at the step; False where it went by unseen."""
    with running(settings, *paths, module=_MODULE) as process:
        reached = wait_until(lambda: bool(query(database, STEPS[step].replace("%", "%%"))), process)
        kill(process)
    return reached


def _check(
    make_settings: Callable[..., Settings], database: Database, paths: list[Path], after: object, steps: list[str]
) -> int:
    """Kills at the steps, one behind the other, each of what the last one left; how many met their step."""
    settings = make_settings(database=database, bulk_rows=0)
    schema, before, met = sorted(query(database, _SCHEMA), key=repr), checksum(database), 0
    for step in steps:
        reached = _kill_at(step, settings, database, paths)
        met += reached
        state = checksum(database)
        assert state in (before, after), f"killed at {step}"
        if reached and step in BEFORE_THE_SWAP and "swapped" not in steps[: steps.index(step)]:
            assert state == before, f"killed at {step}"
    import_together(settings, database, paths)
    assert checksum(database) == after, f"killed at {steps}"
    assert sorted(query(database, _SCHEMA), key=repr) == schema, f"killed at {steps}"
    assert query(database, "select count(*) > 0 from changed_entities where entity_id = 0") == [(1,)]
    states = query(database, "select status from import_metadata where status <> 'DUPLICATE'")
    assert states == [("COMPLETE",)] * len(paths)
    (next_id,) = query(database, "select next_id from id_counters where name = 'persons'")[0]
    assert next_id == query(database, "select max(id) + 1 from persons")[0][0]
    return met


def _undisturbed(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], paths: list[Path]
) -> object:
    database = make_database()
    import_together(make_settings(database=database, bulk_rows=0), database, paths)
    return checksum(database)


@pytest.mark.soak
def test_a_killed_bulk_apply_is_all_there_or_not_at_all(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """The short form: one list into an empty base, killed while its shadows are filled and behind its swap."""
    paths = [generate(4_000, 3, tmp_path / "sample").files[0]]
    after = _undisturbed(make_settings, make_database, paths)
    assert _check(make_settings, make_database(), paths, after, ["shadows are there", "swapped"])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_kills_at_every_step_of_several_lists_together(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    """Into an empty base, by every step alone and by all of them in a row."""
    paths = list(generate(20_000, 3, tmp_path / "sample").files)[:3]
    after = _undisturbed(make_settings, make_database, paths)
    met = sum(_check(make_settings, make_database(), paths, after, [step]) for step in STEPS)
    met += _check(make_settings, make_database(), paths, after, list(STEPS))
    assert met >= 10
