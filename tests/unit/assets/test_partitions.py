"""The loop over a run's imports."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cm_assets.partitions import for_each_import, imports, one_run
from cm_core.errors import FileRejected

IDS = ["imp_1", "imp_2", "imp_3"]


def _asset(tried: list[str], *, bad: set[str]) -> dg.AssetsDefinition:
    def work(import_id: str) -> dict[str, Any]:
        tried.append(import_id)
        if import_id in bad:
            raise FileRejected(f"{import_id}.csv: the file is empty")
        return {"rows": len(tried)}

    @dg.asset(partitions_def=imports, backfill_policy=one_run, dagster_type=dg.Nothing)
    def rows(context):  # type: ignore[no-untyped-def]  # dagster wants the bare parameter or its own types
        for_each_import(context, work)

    return rows


def _materialize(asset: dg.AssetsDefinition, instance: dg.DagsterInstance, **choice: Any) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("imports", IDS)
    return dg.materialize([asset], instance=instance, raise_on_error=False, **choice)


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


WHOLE_RANGE = {ASSET_PARTITION_RANGE_START_TAG: IDS[0], ASSET_PARTITION_RANGE_END_TAG: IDS[-1]}


def test_one_run_takes_many_imports_and_describes_each(instance: dg.DagsterInstance) -> None:
    tried: list[str] = []
    result = _materialize(_asset(tried, bad=set()), instance, tags=WHOLE_RANGE)
    assert result.success
    assert tried == IDS
    found = {event.partition: event.metadata["rows"].value for event in result.asset_materializations_for_node("rows")}
    assert found == {"imp_1": 1, "imp_2": 2, "imp_3": 3}


def test_an_import_that_fails_does_not_keep_the_others_from_being_tried(instance: dg.DagsterInstance) -> None:
    tried: list[str] = []
    result = _materialize(_asset(tried, bad={"imp_2"}), instance, tags=WHOLE_RANGE)
    assert not result.success
    assert tried == IDS
    failure = result.failure_data_for_node("rows")
    assert failure
    assert failure.user_failure_data
    assert failure.user_failure_data.description == ("1 of 3 imports failed. imp_2: imp_2.csv: the file is empty")


def test_a_single_import_fails_with_its_own_message(instance: dg.DagsterInstance) -> None:
    result = _materialize(_asset([], bad={"imp_2"}), instance, partition_key="imp_2")
    failure = result.failure_data_for_node("rows")
    assert failure
    assert failure.user_failure_data
    assert failure.user_failure_data.description == "imp_2.csv: the file is empty"
