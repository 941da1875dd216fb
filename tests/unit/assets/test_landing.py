"""The landing sensor's decisions; with real files and the real ledger: tests/integration/dagster."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from cm_core.imports.batches import Batch
from cm_core.imports.registry import WaitingImport
from sensors.landing import MAX_ATTEMPTS, first_of_each, reason_to_wait, requests, startable
from sensors.run_history import RunHistory

JOBS = {"contacts": "import_contacts", "opt_outs": "import_opt_outs"}
IDS = [f"imp_2026_02_19_00{number}" for number in range(1, 6)]
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def _waiting(attempt: int = 0, *, target: str = "contacts", import_id: str = IDS[0]) -> WaitingImport:
    return WaitingImport(import_id, target, target, attempt)


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("imports", IDS)
        yield made


def _run(instance: dg.DagsterInstance, status: DagsterRunStatus, *, job: str = "import_contacts", **tags: str) -> None:
    @dg.job(name=job)
    def nothing() -> None: ...

    instance.create_run_for_job(nothing, status=status, tags=tags or {"dagster/partition": IDS[0]})


def _history(instance: dg.DagsterInstance) -> RunHistory:
    return RunHistory(instance, "imports", JOBS.values())


def _reason(instance: dg.DagsterInstance, item: WaitingImport) -> str | None:
    return reason_to_wait(_history(instance), item)


def test_a_waiting_import_gets_its_partition_and_a_run_of_its_target() -> None:
    item = _waiting(2, target="opt_outs")
    result = requests([Batch("opt_outs", (item,))], JOBS, {})
    assert result.run_requests
    assert result.dynamic_partitions_requests
    (run,) = result.run_requests
    assert (run.job_name, run.partition_key, run.run_key) == ("import_opt_outs", IDS[0], f"{IDS[0]}:2")
    (partitions,) = result.dynamic_partitions_requests
    assert (partitions.partitions_def_name, partitions.partition_keys) == ("imports", IDS[:1])


def test_imports_of_a_batch_share_a_run_over_the_range_of_their_partitions() -> None:
    found = [
        Batch("opt_outs", (_waiting(target="opt_outs", import_id=IDS[1]),)),
        Batch("contacts", tuple(_waiting(import_id=IDS[number]) for number in (0, 2, 3))),
    ]
    result = requests(found, JOBS, {})
    assert result.run_requests
    one, shared = result.run_requests
    assert (one.partition_key, one.tags["cm/import_id"]) == (IDS[1], IDS[1])
    assert (shared.partition_key, shared.job_name) == (None, "import_contacts")
    assert (shared.tags[START], shared.tags[END], shared.tags["cm/imports"]) == (IDS[0], IDS[3], "3")
    (partitions,) = result.dynamic_partitions_requests or []
    assert partitions.partition_keys == [IDS[1], IDS[0], IDS[2], IDS[3]], "those of a run lie side by side"


def test_the_key_of_a_shared_run_changes_with_every_import_and_attempt_in_it() -> None:
    def key(*attempts: int) -> str | None:
        items = tuple(_waiting(attempt, import_id=IDS[number]) for number, attempt in enumerate(attempts))
        (run,) = requests([Batch("contacts", items)], JOBS, {}).run_requests or []
        return run.run_key

    assert key(0, 0, 0) == key(0, 0, 0)
    assert len({key(0, 0, 0), key(0, 0), key(0, 1, 0), key(0, 0, 1), key(0)}) == 5


def test_only_the_first_batch_of_a_target_is_asked_for() -> None:
    found = [Batch("opt_outs", ()), Batch("contacts", (_waiting(),)), Batch("contacts", ())]
    assert first_of_each(found) == found[:2]


def test_a_new_import_is_started(instance: dg.DagsterInstance) -> None:
    assert _reason(instance, _waiting(0)) is None


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
@pytest.mark.parametrize("tags", [{"dagster/partition": IDS[0]}, {START: IDS[0], END: IDS[2]}])
@pytest.mark.parametrize("attempt", [0, 1])
def test_an_import_whose_run_is_not_over_is_left_alone(
    instance: dg.DagsterInstance, status: DagsterRunStatus, tags: dict[str, str], attempt: int
) -> None:
    _run(instance, status, **tags)
    assert f"is {status.value}" in str(_reason(instance, _waiting(attempt)))


def test_a_run_over_a_range_is_the_run_of_what_lies_within(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.CANCELED, **{START: IDS[1], END: IDS[3]})
    cancelled = [bool(_reason(instance, _waiting(1, import_id=import_id))) for import_id in IDS]
    assert cancelled == [False, True, True, True, False]


def test_an_import_whose_run_was_killed_is_started_again(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.FAILURE)
    assert _reason(instance, _waiting(1)) is None


def test_an_import_whose_run_ended_before_it_began_is_started_again_under_another_key(
    instance: dg.DagsterInstance,
) -> None:
    _run(instance, DagsterRunStatus.FAILURE, **{START: IDS[0], END: IDS[2]})
    history = _history(instance)
    assert reason_to_wait(history, _waiting(0)) is None
    assert history.tries(_waiting(0)) == 1


def test_a_run_that_was_recorded_and_never_started_holds_nothing_up(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.NOT_STARTED)
    assert startable(_history(instance), [_waiting()], JOBS, []) == [_waiting()]


def test_an_import_that_somebody_cancelled_stays_so(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.CANCELED)
    assert "cancelled" in str(_reason(instance, _waiting(1)))


@pytest.mark.parametrize("broken_off", ["attempts", "runs"])
def test_an_import_that_breaks_off_again_and_again_is_left_to_people(
    instance: dg.DagsterInstance, broken_off: str
) -> None:
    for _ in range(MAX_ATTEMPTS if broken_off == "runs" else 1):
        _run(instance, DagsterRunStatus.FAILURE)
    attempts = MAX_ATTEMPTS if broken_off == "attempts" else 0
    assert f"broke off {MAX_ATTEMPTS} times" in str(_reason(instance, _waiting(attempts)))


def test_the_next_run_of_a_target_waits_for_the_last_one(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.STARTED)
    notes: list[str] = []
    other = _waiting(target="opt_outs", import_id=IDS[3])
    assert startable(_history(instance), [_waiting(import_id=IDS[2]), other], JOBS, notes) == [other]
    assert notes[0].startswith("1 of contacts wait for run ")


def test_a_run_of_the_command_line_holds_no_other_up(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.STARTED, **{"dagster/partition": IDS[0], "cm/started_by": "command line"})
    assert startable(_history(instance), [_waiting(import_id=IDS[2])], JOBS, []) == [_waiting(import_id=IDS[2])]
