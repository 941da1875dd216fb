"""Whole import runs through the jobs, as the command line starts them, on the real instance and database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cm_assets.build import build_defs
from cm_assets.launch import StepEvent, run_import
from cm_assets.run_launcher import fail_gone_runs
from cm_core.imports import records
from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import database_of

Register = Callable[..., str]


def test_an_import_runs_in_the_instance_of_the_ui(
    settings: Settings, database: Database, register: Register, capfd: pytest.CaptureFixture[str]
) -> None:
    import_id = register()
    events: list[StepEvent] = []
    result = run_import(settings, [import_id], "contacts", on_event=events.append)
    assert result.success, result.errors
    assert result.errors == ()
    assert records.get(database, import_id).status == "COMPLETE"
    assert [event.step for event in events if event.state == "finished"][:2] == ["raw_import", "staging_raw_import"]
    assert {event.import_id for event in events} == {import_id}
    assert capfd.readouterr().out == ""

    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        run = instance.get_run_by_id(result.run_id)
        assert run
        assert run.job_name == "import_contacts"
        assert run.tags["dagster/partition"] == import_id
        assert run.remote_job_origin
        assert run.remote_job_origin.location_name == "cm_assets.definitions"
        for asset in ("raw_import", "staging_raw_import", "persons", "person_sources", "import_report"):
            assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {import_id}
        checks = _checks(instance, result.run_id)
    assert checks["import_report:invalid_emails"] is False
    assert {name for name, passed in checks.items() if not passed} <= {
        "import_report:invalid_emails",
        "import_report:invalid_phones",
    }
    assert {"raw_import:file_accepted", "staging_raw_import:rows_conserved_in_staging"} <= checks.keys()


@pytest.mark.parametrize(
    ("target", "text", "check"),
    [
        ("campaigns", "code,name,type\nC-1,Spring,mail\n", "campaigns:every_campaign_row_traced"),
        (
            "touchpoints",
            "type,date,phone\ncall,2026-02-03,405-321-4567\nsms,2026-02-03,405-321-4568\n",
            "touchpoints:touchpoints_have_a_person_or_a_reason",
        ),
    ],
)
def test_campaigns_and_touchpoints_have_jobs_of_their_own(
    settings: Settings, database: Database, register: Register, target: str, text: str, check: str
) -> None:
    import_id = register(text, name=f"{target}.csv")
    result = run_import(settings, [import_id], target)
    assert result.success, result.errors
    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(target))
        assert event
        assert event.asset_materialization
        metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
        assert instance.get_materialized_partitions(dg.AssetKey("import_report")) == {import_id}
        checks = _checks(instance, result.run_id)
    assert checks[check]
    assert checks["import_report:rows_conserved"]
    assert metadata["inserted"] == text.count("\n") - 1
    assert target == "campaigns" or (metadata["waiting"], metadata["waiting_in_all"]) == (2, 2)


@pytest.mark.parametrize("bulk_rows", [20_000, 0])
def test_a_rejected_file_is_a_one_line_error_and_the_other_imports_of_its_run_go_on(
    settings: Settings, database: Database, register: Register, bulk_rows: int
) -> None:
    settings = settings.model_copy(update={"bulk_rows": bulk_rows})
    empty = register("First Name,Last Name,Email\n", name="header_only.csv")
    good = register()
    more = register("Name,Phone\nAnn Lee,405-321-0000\nJohn Smith,405-555-2345\n", name="more.csv")
    useless = register("Well,Depth\nA,1\n", name="wells.csv")
    ids = [empty, good, more, useless]
    result = run_import(settings, ids, "contacts")
    assert not result.success
    assert len(result.run_ids) == 1
    assert [(error.partition(": ")[0], "\n" in error) for error in result.errors] == [(useless, False), (empty, False)]
    assert [records.get(database, i).status for i in ids] == ["REJECTED", "COMPLETE", "COMPLETE", "REJECTED"]
    assert all(records.get(database, i).reports for i in ids)
    assert (records.get(database, more).inserted_count, records.get(database, more).updated_count) == (1, 1)

    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        made = {
            asset: instance.get_materialized_partitions(dg.AssetKey(asset))
            for asset in ("raw_import", "staging_raw_import", "persons", "import_report")
        }
        assert made == {
            "raw_import": {empty, good, more},
            "staging_raw_import": {good, more},
            "persons": {good, more},
            "import_report": {good, more},
        }
        (event,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("persons"), asset_partitions=[good]), limit=5
        ).records
        assert event.asset_materialization
        assert event.asset_materialization.metadata["inserted"].value == 3
        run = instance.get_run_by_id(result.run_id)
        assert run
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert run.tags["cm/imports"] == "4"
        evaluations = _evaluations(instance, result.run_id)
    for check, named in (("raw_import:file_accepted", {useless}), ("import_report:import_complete", {empty, useless})):
        assert not evaluations[check].passed
        for import_id in ids:
            assert (import_id in str(evaluations[check].description)) == (import_id in named)
    assert evaluations["import_report:rows_conserved"].passed
    assert good in str(evaluations["import_report:invalid_emails"].description)


def test_a_staged_import_that_lost_rows_keeps_no_other_from_being_applied(
    settings: Settings, database: Database, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check between staging and applying blocks the import that it speaks of."""
    from cm_assets.checks import invariants

    ids = [register(), register("Name,Phone\nAnn Lee,405-321-0000\n", name="more.csv")]
    violations = invariants.violations
    monkeypatch.setattr(
        invariants,
        "violations",
        lambda settings, database, invariant, import_id: (
            [{"row_number": 2}] if invariant.blocking and import_id == ids[0]
            else violations(settings, database, invariant, import_id)
        ),
    )  # fmt: skip
    result = run_import(settings, ids, "contacts")
    assert [error.split(": ")[:2] for error in result.errors] == [[ids[0], "rows_conserved_in_staging"]]
    assert [records.get(database, import_id).status for import_id in ids] == ["STAGED", "COMPLETE"]
    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        check = _evaluations(instance, result.run_id)["staging_raw_import:rows_conserved_in_staging"]
    assert not check.passed
    assert check.description == f"{ids[0]}: 1 rows break the rule"
    assert ids[0] in str(check.metadata["examples"].value)


def test_a_backfill_takes_several_imports_in_one_run_and_leaves_those_of_another_target_alone(
    settings: Settings, database: Database, register: Register, instance: dg.DagsterInstance
) -> None:
    """Whoever chooses a range of partitions in the UI gets what lies between the imports that were meant, too."""
    first = register()
    between = register("phone\n405-321-4567\n", name="dnc_list.csv")
    last = register("Name,Phone\nAnn Lee,405-321-0000\n", name="more.csv")
    instance.add_dynamic_partitions("imports", [first, between, last])
    result = _job(settings).execute_in_process(
        instance=instance, tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    )
    assert result.success
    assert [records.get(database, i).status for i in (first, between, last)] == ["COMPLETE", "PENDING", "COMPLETE"]
    assert records.get(database, between).attempt == 0
    for asset in ("raw_import", "persons"):
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {first, last}


def _job(settings: Settings) -> dg.JobDefinition:
    defs = build_defs(dbt=False, sensors=False, resources={"store": database_of(settings)})
    return defs.resolve_job_def("import_contacts")


_HANG = """
import os, sys, time
from cm_core.imports import pipeline
from cm_core.settings import get_settings
def hang(*args, **kwargs):
    print("at work", flush=True)
    time.sleep(600)
pipeline.stage = hang
from cm_assets.launch import run_import
run_import(get_settings(), [sys.argv[1]], "contacts")
"""


def _hanging_run(settings: Settings, import_id: str) -> subprocess.Popen[str]:
    """Another process that runs the import and stays in its staging step."""
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "CM_HOME": str(settings.home_dir),
        "CM_DATABASE_URL": settings.database_url.get_secret_value(),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _HANG, import_id], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "at work\n"
    return process


def test_a_killed_run_is_noticed_and_gives_its_pool_slot_back(
    settings: Settings, database: Database, register: Register
) -> None:
    records.HOLD.release(import_id := register())
    process = _hanging_run(settings, import_id)
    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        (run,) = instance.get_runs()
        assert fail_gone_runs(instance) == []
        assert instance.get_runs()[0].status == dg.DagsterRunStatus.STARTED
        instance.event_log_storage.initialize_concurrency_limit_to_default("canonical_writer")
        instance.event_log_storage.claim_concurrency_slot("canonical_writer", run.run_id, "canonical_people")
        process.kill()
        process.wait()
        assert fail_gone_runs(instance) == [run.run_id]
        assert instance.get_runs()[0].status == dg.DagsterRunStatus.FAILURE
        assert instance.event_log_storage.get_concurrency_info("canonical_writer").active_slot_count == 0
    assert run_import(settings, [import_id], "contacts").success
    assert records.get(database, import_id).status == "COMPLETE"


def test_ctrl_c_ends_the_run_and_the_process(settings: Settings, database: Database, register: Register) -> None:
    records.HOLD.release(import_id := register())
    process = _hanging_run(settings, import_id)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) != 0
    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        assert instance.get_runs()[0].status == dg.DagsterRunStatus.FAILURE


def _checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, bool]:
    """Whether each check that the run evaluated passed, by `asset:check`."""
    return {name: item.passed for name, item in _evaluations(instance, run_id).items()}


def _evaluations(instance: dg.DagsterInstance, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """What each check of the run said, by `asset:check`."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in events]
    return {f"{item.asset_key.to_user_string()}:{item.check_name}": item for item in found}
