"""The landing sensor's decisions; with real files and the real ledger: tests/integration/dagster."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from cm_core.imports.registry import WaitingImport
from sensors.landing import MAX_ATTEMPTS, reason_to_wait, requests

JOBS = {"contacts": "import_contacts", "opt_outs": "import_opt_outs"}


def _waiting(attempt: int = 0, *, target: str = "contacts") -> WaitingImport:
    return WaitingImport("imp_2026_02_19_001", target, target, attempt)


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _run(instance: dg.DagsterInstance, status: DagsterRunStatus) -> None:
    @dg.job
    def nothing() -> None: ...

    instance.create_run_for_job(nothing, status=status, tags={"dagster/partition": "imp_2026_02_19_001"})


def test_a_waiting_import_gets_its_partition_and_a_run_of_its_target() -> None:
    result = requests([_waiting(2, target="opt_outs")], JOBS)
    assert result.run_requests
    assert result.dynamic_partitions_requests
    (run,) = result.run_requests
    assert (run.job_name, run.partition_key, run.run_key) == (
        "import_opt_outs",
        "imp_2026_02_19_001",
        "imp_2026_02_19_001:2",
    )
    (partitions,) = result.dynamic_partitions_requests
    assert (partitions.partitions_def_name, partitions.partition_keys) == ("imports", ["imp_2026_02_19_001"])


def test_a_new_import_is_started(instance: dg.DagsterInstance) -> None:
    assert reason_to_wait(instance, _waiting(0)) is None


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_an_import_between_two_steps_of_its_run_is_left_alone(
    instance: dg.DagsterInstance, status: DagsterRunStatus
) -> None:
    _run(instance, status)
    assert "is" in str(reason_to_wait(instance, _waiting(1)))


def test_an_import_whose_run_was_killed_is_started_again(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.FAILURE)
    assert reason_to_wait(instance, _waiting(1)) is None


def test_an_import_that_somebody_cancelled_stays_so(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.CANCELED)
    assert "cancelled" in str(reason_to_wait(instance, _waiting(1)))


def test_an_import_that_breaks_off_again_and_again_is_left_to_people(instance: dg.DagsterInstance) -> None:
    _run(instance, DagsterRunStatus.FAILURE)
    assert f"broke off {MAX_ATTEMPTS} times" in str(reason_to_wait(instance, _waiting(MAX_ATTEMPTS)))
