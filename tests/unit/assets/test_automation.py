"""When followers follow. Ticks are evaluated as the daemon does; a run in progress needs the real daemon's storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import dagster as dg
import pytest

from cm_assets.automation import DEDUPE as AFTER_PERSONS
from cm_assets.automation import with_marts_condition, with_report_condition
from cm_assets.partitions import imports


@dg.asset(partitions_def=imports)
def persons() -> None: ...


@dg.asset(partitions_def=imports)
def dnc_registry() -> None: ...


@dg.asset(partitions_def=imports)
def opt_outs() -> None: ...


@dg.asset(partitions_def=imports)
def contact_facts() -> None: ...


@dg.asset(partitions_def=imports)
def touchpoints() -> None: ...


@dg.asset(deps=[persons], automation_condition=AFTER_PERSONS)
def linkage_model() -> None: ...


@dg.asset(deps=[linkage_model, persons], automation_condition=AFTER_PERSONS)
def duplicate_pairs() -> None: ...


@dg.asset(deps=[duplicate_pairs], automation_condition=AFTER_PERSONS)
def person_duplicates() -> None: ...


@dg.multi_asset(
    specs=[
        dg.AssetSpec("stg_persons", deps=[persons]),
        dg.AssetSpec("compliance_call", deps=["stg_persons", person_duplicates, dnc_registry, opt_outs]),
        dg.AssetSpec("import_quality", deps=[]),
    ],
    can_subset=True,
)
def dbt_models() -> Iterator[dg.MaterializeResult[None]]:
    for name in ("stg_persons", "compliance_call", "import_quality"):
        yield dg.MaterializeResult(asset_key=name)


@dg.asset
def quality_report() -> None: ...


[marts] = with_marts_condition(dbt_models)
report = with_report_condition(quality_report, dbt_models)
SOURCES = [persons, dnc_registry, opt_outs, contact_facts, touchpoints]
DUPLICATES = [linkage_model, duplicate_pairs, person_duplicates]
DEFS = dg.Definitions(assets=[*SOURCES, *DUPLICATES, marts, report])
DEDUPE = {"linkage_model", "duplicate_pairs", "person_duplicates"}
MARTS = {"stg_persons", "compliance_call", "import_quality"}
REPORT = {"quality_report"}


class _Daemon:
    """The instance and the daemon's memory of its last tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._cursor: Any = None

    def tick(self, among: set[str] = DEDUPE | MARTS, *, at: datetime | None = None) -> set[str]:
        """Names of the assets requested."""
        with pytest.MonkeyPatch.context() as patch:
            # Dagster asks hundreds of times a tick, most of its time; there are no more of them within one.
            patch.setattr(self.instance, "get_dynamic_partitions", cache(self.instance.get_dynamic_partitions))
            result = dg.evaluate_automation_conditions(
                DEFS, instance=self.instance, cursor=self._cursor, evaluation_time=at
            )
        self._cursor = result.cursor
        return {name for name in among if result.get_num_requested(dg.AssetKey(name)) > 0}

    def imported(self, asset: dg.AssetsDefinition, *import_ids: str) -> None:
        self.instance.add_dynamic_partitions("imports", list(import_ids))
        for import_id in import_ids:
            dg.materialize([asset], instance=self.instance, partition_key=import_id)

    def run(self, *assets: dg.AssetsDefinition) -> None:
        dg.materialize([*SOURCES, *DUPLICATES, marts], instance=self.instance, selection=list(assets))

    def starts(self, job: str, *assets: dg.AssetsDefinition, partition: str | None = None) -> dg.DagsterRun:
        """A run of these assets that goes on until it is ended."""
        selection = [key for asset in assets for key in asset.keys]
        whole = dg.Definitions(
            assets=DEFS.assets, jobs=[dg.define_asset_job(job, selection=selection)]
        ).resolve_job_def(job)
        tags = {"dagster/partition": partition} if partition else {}
        return self.instance.create_run_for_job(whole, status=dg.DagsterRunStatus.STARTED, tags=tags)


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
    daemon.run(*DUPLICATES)
    assert daemon.tick() == MARTS
    daemon.run(marts)
    assert daemon.tick() == set()


def test_imports_from_before_the_first_tick_are_followed(daemon: _Daemon) -> None:
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    assert daemon.tick() == set()


def test_a_list_is_followed_by_the_marts_alone(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(dnc_registry, "imp_1")
    assert daemon.tick() == MARTS


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
    daemon.run(*DUPLICATES)  # started before imp_2 was there
    assert daemon.tick() == DEDUPE
    daemon.run(*DUPLICATES)
    assert daemon.tick() == MARTS


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


def test_an_import_in_progress_holds_the_follow_up_back(daemon: _Daemon) -> None:
    daemon.tick()
    daemon.imported(persons, "imp_1")
    daemon.instance.add_dynamic_partitions("imports", ["imp_2"])
    run = daemon.starts("going_on", persons, partition="imp_2")
    assert daemon.tick() == set()
    daemon.instance.report_run_failed(run)
    assert daemon.tick() == DEDUPE


def test_a_follow_up_in_progress_is_not_torn_apart(daemon: _Daemon) -> None:
    """Its first asset is done and would be free to run again; the others are not."""
    daemon.tick()
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    run = daemon.starts("going_on", *DUPLICATES)
    daemon.instance.report_runless_asset_event(dg.AssetMaterialization("linkage_model"))
    daemon.imported(persons, "imp_2")
    assert daemon.tick() == set()
    daemon.instance.report_run_failed(run)
    assert daemon.tick() == DEDUPE


def test_marts_are_not_torn_apart_by_duplicates_that_come_again(daemon: _Daemon) -> None:
    """Staging models are evaluated before the duplicates that the marts wait for."""
    daemon.tick()
    daemon.imported(persons, "imp_1")
    assert daemon.tick() == DEDUPE
    daemon.run(*DUPLICATES)
    daemon.imported(persons, "imp_2")
    assert daemon.tick() == DEDUPE
    daemon.run(*DUPLICATES)
    assert daemon.tick() == MARTS


def test_the_quality_report_follows_the_marts_once_the_last_of_them_is_built(daemon: _Daemon) -> None:
    assert daemon.tick(REPORT) == set()
    run = daemon.starts("going_on", marts)
    daemon.instance.report_runless_asset_event(dg.AssetMaterialization("import_quality"))
    assert daemon.tick(REPORT) == set()
    daemon.run(marts)
    daemon.instance.report_run_failed(run)
    assert daemon.tick(REPORT) == REPORT
    assert daemon.tick(REPORT) == set()


def test_the_quality_report_is_written_every_day_whatever_became_of_the_marts(daemon: _Daemon) -> None:
    daemon.run(marts)
    morning = datetime(2040, 3, 2, 11, 59, tzinfo=UTC)
    assert daemon.tick(REPORT, at=morning) == REPORT
    assert daemon.tick(REPORT, at=morning + timedelta(seconds=30)) == set()
    assert daemon.tick(REPORT, at=morning + timedelta(minutes=2)) == REPORT
    assert daemon.tick(REPORT, at=morning + timedelta(minutes=3)) == set()
