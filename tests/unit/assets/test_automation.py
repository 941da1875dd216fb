"""When followers follow. Ticks are evaluated as the daemon does; a run in progress needs the real daemon's storage."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from cm_assets.automation import after
from cm_assets.partitions import imports


@dg.asset(partitions_def=imports)
def persons() -> None: ...


@dg.asset(partitions_def=imports)
def dnc_registry() -> None: ...


@dg.asset(deps=[persons], automation_condition=after("persons"))
def pairs() -> None: ...


@dg.asset(deps=[pairs], automation_condition=after("persons"))
def duplicates() -> None: ...


@dg.asset(deps=[duplicates, dnc_registry], automation_condition=after("duplicates", "dnc_registry"))
def marts() -> None: ...


DEFS = dg.Definitions(assets=[persons, dnc_registry, pairs, duplicates, marts])
DEDUPE = {"pairs", "duplicates"}


class _Daemon:
    """The instance and the daemon's memory of its last tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._cursor: Any = None

    def tick(self) -> set[str]:
        """Names of the assets requested."""
        result = dg.evaluate_automation_conditions(DEFS, instance=self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        return {name for name in ("pairs", "duplicates", "marts") if result.get_num_requested(dg.AssetKey(name)) > 0}

    def imported(self, asset: dg.AssetsDefinition, *import_ids: str) -> None:
        self.instance.add_dynamic_partitions("imports", list(import_ids))
        for import_id in import_ids:
            dg.materialize([asset], instance=self.instance, partition_key=import_id)

    def run(self, *assets: dg.AssetsDefinition) -> None:
        dg.materialize(
            [persons, dnc_registry, pairs, duplicates, marts], instance=self.instance, selection=list(assets)
        )


@pytest.fixture
def daemon() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield _Daemon(instance)


def test_nothing_happens_before_anything_was_imported(daemon: _Daemon) -> None:
    assert daemon.tick() == set()
    assert daemon.tick() == set()


def test_a_burst_of_imports_is_followed_by_one_run_of_each(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1", "imp_2", "imp_3")
    assert daemon.tick() == DEDUPE
    assert daemon.tick() == set()
    daemon.run(pairs, duplicates)
    assert daemon.tick() == {"marts"}
    daemon.run(marts)
    assert daemon.tick() == set()


def test_imports_from_before_the_first_tick_are_followed(daemon: _Daemon) -> None:
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    assert daemon.tick() == set()


def test_a_list_is_followed_by_the_marts_alone(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(dnc_registry, "imp_1")
    assert daemon.tick() == {"marts"}


def test_marts_wait_for_duplicates_that_are_about_to_be_found(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1")
    daemon.imported(dnc_registry, "imp_2")
    assert daemon.tick() == DEDUPE


def test_an_update_while_the_follow_up_ran_is_not_taken_for_followed(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    assert daemon.tick() == set()
    daemon.imported(persons, "imp_2")
    daemon.run(pairs, duplicates)  # started before imp_2 was there
    assert daemon.tick() == DEDUPE
    daemon.run(pairs, duplicates)
    assert daemon.tick() == {"marts"}


def test_an_import_right_after_the_request_is_followed_again(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    daemon.imported(persons, "imp_2")
    assert daemon.tick() == DEDUPE


def test_without_news_a_follow_up_that_failed_is_not_repeated(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    for _ in range(3):
        assert daemon.tick() == set()
