"""Pipedrive and RingCentral in the graph: pulls by day, what lands is imported, what is not set up is not red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from cm_assets.build import build_defs
from cm_assets.checks.invariants import INVARIANTS, violations
from cm_assets.daily import DAILY_PULL
from cm_assets.launch import open_instance, run_landed, run_pull
from cm_core.crm.apply import Applied
from cm_core.imports import records
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.web import Usage
from resources.database import database_of
from resources.pipedrive import PipedriveResource
from resources.ringcentral import RingCentralResource
from tests.integration.imports.steps import query
from tests.servers import PipedriveServer, running_pipedrive
from tests.servers.ringcentral import RingCentral, running_ringcentral

DAY = date(2026, 3, 2)
ANN = {
    "name": "Ann Able", "phones": [{"value": "405-232-9701", "primary": True, "label": "mobile"}],
    "emails": [{"value": "ann@able.com", "primary": True, "label": "work"}],
}  # fmt: skip
_RESOURCES = {"pipedrive": PipedriveResource(), "ringcentral": RingCentralResource()}
NAMES = ("crm_events_waiting", "new_suppressions")
SCHEDULES = ("pull_pipedrive_daily", "pull_ringcentral_daily", "reconcile_crm_daily", "push_crm_daily")


@pytest.fixture(scope="module")
def pipedrive() -> Iterator[PipedriveServer]:
    with running_pipedrive(clock="2026-03-02T08:00:00Z", clock_rate=0.0, burst=1000) as running:
        yield running


@pytest.fixture(scope="module")
def ringcentral() -> Iterator[RingCentral]:
    with running_ringcentral(light=1000, medium=1000, heavy=1000, auth=1000) as running:
        running.set_clock("2026-03-03T12:00:00.000Z", ticking=False)
        yield running


@pytest.fixture
def set_up(
    make_settings: Callable[..., Settings], database: Database, pipedrive: PipedriveServer, ringcentral: RingCentral
) -> Settings:
    """Settings for both systems, with limits that keep nobody waiting."""
    pipedrive.reset()
    ringcentral.clear_calls()
    return make_settings(
        database=database, settle_seconds=0, days_from=date(2026, 2, 1), pipedrive_url=pipedrive.url,
        pipedrive_token=SecretStr(pipedrive.token), pipedrive_burst=1000, ringcentral_url=ringcentral.url,
        ringcentral_client_id="client-id", ringcentral_client_secret=SecretStr("client-secret"),
        ringcentral_jwt=SecretStr("header.payload.signature"), ringcentral_light=1000, ringcentral_heavy=1000,
        ringcentral_auth=1000,
    )  # fmt: skip


@pytest.fixture
def at_home(set_up: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance under the home of these settings."""
    with open_instance(set_up) as opened:
        yield opened


@cache
def _repository() -> dg.RepositoryDefinition:
    """All there is, once for the file: which database is a resource, given when something is evaluated."""
    return build_defs(dbt=False).get_repository_def()


def _tick(settings: Settings, instance: dg.DagsterInstance, name: str) -> Any:
    """What a sensor or schedule gives."""
    repository, resources = _repository(), {**_RESOURCES, "store": database_of(settings)}
    if name in SCHEDULES:
        at = datetime(2026, 3, 3, 0, 20, tzinfo=UTC)
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=repository, resources=resources
        ) as context:
            return repository.get_schedule_def(name).evaluate_tick(context)
    with dg.build_sensor_context(instance=instance, repository_def=repository, resources=resources) as sensing:
        return repository.get_sensor_def(name).evaluate_tick(sensing)


def _checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, bool]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [event.dagster_event.asset_check_evaluation_data for event in events if event.dagster_event]
    return {f"{one.asset_key.to_user_string()}:{one.check_name}": one.passed for one in found}


def _metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: entry.value for name, entry in event.asset_materialization.metadata.items()}


@pytest.mark.parametrize("job", ["pull_pipedrive", "pull_ringcentral"])
def test_what_is_not_set_up_is_no_failure_and_says_what_to_set(
    settings: Settings, instance: dg.DagsterInstance, job: str
) -> None:
    result = run_pull(settings, job, DAY)
    assert result.success
    assets = _repository().get_job(job).asset_layer.selected_asset_keys
    for key in assets:
        assert instance.get_materialized_partitions(key) == set()
        (observation,) = instance.fetch_observations(key, limit=5).records
        assert observation.asset_observation is not None
        text = str(observation.asset_observation.metadata["not_set_up"].value)
        assert f"CM_{job.removeprefix('pull_').upper()}" in text
    assert _checks(instance, result.run_id) == {}


@pytest.mark.parametrize("name", [*NAMES, *SCHEDULES])
def test_schedules_and_sensors_pass_over_what_is_not_set_up(
    settings: Settings, instance: dg.DagsterInstance, name: str
) -> None:
    found = _tick(settings, instance, name)
    assert not found.run_requests
    assert "Not set up: set CM_" in str(found.skip_message)


def test_a_day_of_the_crm_lands_and_is_imported(
    set_up: Settings, database: Database, at_home: dg.DagsterInstance, pipedrive: PipedriveServer
) -> None:
    pipedrive.load([ANN, {**ANN, "name": "Bob Ray", "phones": [], "emails": []}])
    result = run_pull(set_up, "pull_pipedrive", DAY)
    assert result.success, result.errors
    assert all(_checks(at_home, result.run_id).values())
    assert len(_checks(at_home, result.run_id)) == 3
    shown = _metadata(at_home, "pipedrive_persons")
    assert (shown["state"], shown["records"], shown["lines"]) == ("LANDED", 2, 2)
    assert {"requests", "tokens", "waited_seconds", "tokens_left_today"} <= shown.keys()
    assert at_home.get_materialized_partitions(dg.AssetKey("pipedrive_persons")) == {"2026-03-02"}

    landed = run_landed(set_up)
    assert landed is not None
    assert landed.success, landed.errors
    (record,) = records.latest(database)
    assert (record.feed, record.status, record.row_count) == ("pipedrive_persons", "COMPLETE", 2)
    assert len(query(database, "select * from person_identifiers where id_type = 'record:pipedrive_person'")) == 2
    assert run_landed(set_up) is None
    for invariant in INVARIANTS:
        if invariant.name in ("pulled_is_imported", "every_crm_person_is_ours", "push_plan_conserved"):
            assert violations(set_up, database, invariant) == []


def test_what_landed_and_was_not_imported_as_it_is_breaks_the_check(
    set_up: Settings, database: Database, pipedrive: PipedriveServer
) -> None:
    def broken(name: str, asset: str) -> list[Any]:
        invariant = next(each for each in INVARIANTS if (each.name, each.asset) == (name, asset))
        return violations(set_up, database, invariant)

    def change(statement: str) -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            connection.commit()

    pipedrive.load([ANN])
    assert run_pull(set_up, "pull_pipedrive", DAY).success
    assert not broken("pulled_is_imported", "pipedrive_persons")  # it has only just landed
    change("update api_pulls set finished_at = finished_at - interval 2 hour")
    (row,) = broken("pulled_is_imported", "pipedrive_persons")
    assert (row["lines_landed"], row["import_id"]) == (1, None)
    assert not broken("every_crm_person_is_ours", "crm_reconciliation")  # nobody can tell yet

    run_landed(set_up)
    assert not broken("pulled_is_imported", "pipedrive_persons")
    change("update api_pulls set detail = json_set(detail, '$.lines', 2) where state = 'LANDED'")
    assert broken("pulled_is_imported", "pipedrive_persons")[0]["lines_read"] == 1
    change("delete from person_identifiers")
    assert len(broken("every_crm_person_is_ours", "crm_reconciliation")) == 1

    change(
        "insert into crm_plans (plan_id, kind, state, made_at, counts, tokens, seconds, requested_by) values "
        """('p', 'full', 'READY', utc_timestamp(6), '{"create": 1, "update": 0, "nothing": 5}', 5, 1, 'x')"""
    )
    (row,) = broken("push_plan_conserved", "crm_push")
    assert (row["planned"], row["applied"], row["waiting"]) == (1, 0, 0)


def test_a_day_of_calls_lands_and_is_imported(
    set_up: Settings, database: Database, at_home: dg.DagsterInstance, ringcentral: RingCentral
) -> None:
    ends = {"from": {"phoneNumber": "+14052329000", "extensionNumber": "101"}, "to": {"phoneNumber": "+14052329701"}}
    ringcentral.add_calls([{"id": "a", "startTime": "2026-03-02T15:00:00.000Z", **ends}])
    result = run_pull(set_up, "pull_ringcentral", DAY)
    assert result.success, result.errors
    shown = _metadata(at_home, "ringcentral_call_log")
    assert (shown["state"], shown["records"]) == ("LANDED", 1)
    assert {"requests", "waited_seconds", "left"} <= shown.keys()
    landed = run_landed(set_up)
    assert landed is not None
    assert landed.success, landed.errors
    assert query(database, "select touchpoint_type, phone_e164 from touchpoints") == [("call", "+14052329701")]
    assert all(_checks(at_home, result.run_id).values())


def test_the_schedule_asks_for_the_day_that_ended_and_for_those_that_were_left_out(
    set_up: Settings, at_home: dg.DagsterInstance
) -> None:
    found = _tick(set_up, at_home, "pull_ringcentral_daily")
    assert [request.partition_key for request in found.run_requests] == ["2026-03-02"]
    for day in ("2026-02-26", "2026-02-28", "2026-03-01"):
        for asset in ("call_log", "messages", "consents"):
            at_home.report_runless_asset_event(dg.AssetMaterialization(f"ringcentral_{asset}", partition=day))
    found = _tick(set_up, at_home, "pull_ringcentral_daily")
    assert [request.partition_key for request in found.run_requests] == ["2026-02-27", "2026-03-02"]
    for asset in ("call_log", "messages", "consents"):  # out for months: the newest of the days that are missing first
        at_home.report_runless_asset_event(dg.AssetMaterialization(f"ringcentral_{asset}", partition="2026-01-05"))
    found = _tick(set_up, at_home, "pull_ringcentral_daily")
    wanted = [request.partition_key for request in found.run_requests]
    assert (wanted[0], wanted[-2:], len(wanted)) == ("2026-02-13", ["2026-02-27", "2026-03-02"], 15)
    assert DAILY_PULL.split()[1] == "0"  # after midnight


def test_events_that_wait_are_dealt_with_once(
    set_up: Settings, database: Database, at_home: dg.DagsterInstance
) -> None:
    assert "No event" in str(_tick(set_up, at_home, "crm_events_waiting").skip_message)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into crm_webhooks (event_id, entity, crm_id, action, meta) "
            "values ('e', 'person', 1, 'change', '{}')"
        )
        connection.commit()
    assert len(_tick(set_up, at_home, "crm_events_waiting").run_requests) == 1
    job = _repository().get_job("handle_crm_events")
    run = at_home.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert f"Run {run.run_id} is STARTED" in str(_tick(set_up, at_home, "crm_events_waiting").skip_message)
    at_home.report_run_failed(run, "down")
    assert "failed. The next is requested in" in str(_tick(set_up, at_home, "crm_events_waiting").skip_message)


def test_new_requests_are_written_to_the_crm_until_it_knows_them(
    set_up: Settings, database: Database, at_home: dg.DagsterInstance
) -> None:
    def tell(up_to: str) -> None:
        at_home.report_runless_asset_event(dg.AssetMaterialization("crm_suppressions", metadata={"up_to": up_to}))

    assert len(_tick(set_up, at_home, "new_suppressions").run_requests) == 1
    tell("opt-out 0, fact 0, link 0 of 0")
    assert "knows all" in str(_tick(set_up, at_home, "new_suppressions").skip_message)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into opt_outs (channel, phone_e164, opted_out_at, source) "
            "values ('sms', '+14052329701', utc_timestamp(6), 'x')"
        )
        connection.commit()
    assert len(_tick(set_up, at_home, "new_suppressions").run_requests) == 1


@dataclass(frozen=True)
class _Done:
    """What a plan, or an apply, comes to: as far as the assets look at it."""

    plan_id: str
    tokens: int
    steps: dict[str, int]
    usage: Usage | None = None


class _Account(PipedriveResource):
    """An account whose pushes are foreseen."""

    def plan(self, settings: Settings, database: Database, *, requested_by: str) -> Any:
        assert requested_by.startswith("run ")
        return _Done("push_1", 5, {"waiting": 1})

    def apply(self, settings: Settings, database: Database) -> Any:
        return _Done("push_1", 5, {"applied": 1}, Usage(2, 15, 0.5, 0, 15, 29_985))

    def push_suppressions(self, settings: Settings, database: Database, *, requested_by: str) -> Any:
        return None


class _Closed(_Account):
    """An account that lets nothing through for a while."""

    def push_suppressions(self, settings: Settings, database: Database, *, requested_by: str) -> Any:
        return Applied("push_2", "WAITING", {"applied": 3, "waiting": 2}, 3, waits_for="Pipedrive asks for a pause.")


class _Broken(_Account):
    """An account of which one person cannot be read."""

    def push_suppressions(self, settings: Settings, database: Database, *, requested_by: str) -> Any:
        return Applied("push_2", "DONE", {"applied": 3, "failed": 2}, 3, failed=2, to_try_again=2)


@pytest.mark.parametrize(("account", "why"), [(_Closed(), " Pipedrive asks for a pause."), (_Broken(), "")])
def test_requests_that_did_not_get_there_do_not_count_as_known_to_the_crm(
    set_up: Settings, at_home: dg.DagsterInstance, account: PipedriveResource, why: str
) -> None:
    defs = build_defs(dbt=False, resources={"store": database_of(set_up), "pipedrive": account})
    run = defs.resolve_job_def("push_suppressions").execute_in_process(instance=at_home, raise_on_error=False)
    assert not run.success
    (failure,) = run.filter_events(lambda event: event.is_step_failure)
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert said.description == f"2 people whom nobody may contact are not marked in Pipedrive yet.{why}"
    assert "failed. The next is requested in" in str(_tick(set_up, at_home, "new_suppressions").skip_message)


def test_what_goes_out_is_shown_with_what_it_took(set_up: Settings, at_home: dg.DagsterInstance) -> None:
    defs = build_defs(dbt=False, resources={"store": database_of(set_up), "pipedrive": _Account()})
    for job in ("push_crm", "push_suppressions"):
        assert defs.resolve_job_def(job).execute_in_process(instance=at_home).success
    assert _metadata(at_home, "crm_plan") == {"plan_id": "push_1", "tokens": 5, "steps": {"waiting": 1}}
    pushed = _metadata(at_home, "crm_push")
    assert pushed["steps"] == {"applied": 1}
    assert (pushed["requests"], pushed["waited_seconds"], pushed["tokens_left_today"]) == (2, 0.5, 29_985)
    assert _metadata(at_home, "crm_suppressions") == {"up_to": "opt-out 0, fact 0, link 0 of 0"}
    assert "knows all" in str(_tick(set_up, at_home, "new_suppressions").skip_message)
