"""The loop over a run's imports, and what becomes of one that fails in a run over several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cm_assets import shared_run
from cm_assets.checks.outcome import import_complete
from cm_assets.partitions import for_all_imports, for_each_import, imports, one_run
from cm_core.errors import DatabaseUnavailable, FileRejected, ImportBusy

IDS = ["imp_1", "imp_2", "imp_3"]

Errors = dict[tuple[str, str], Exception]


class _Graph:
    """Two assets over imports, the second after the first, and the check that ends a run."""

    def __init__(self, errors: Errors) -> None:
        self.tried: list[tuple[str, str]] = []
        self.errors = errors

    def assets(self, *, check: bool = True) -> list[Any]:
        @dg.asset(partitions_def=imports, backfill_policy=one_run, dagster_type=dg.Nothing)
        def rows(context):  # type: ignore[no-untyped-def]  # dagster wants the bare parameter or its own types
            for_each_import(context, lambda import_id: self._work("rows", import_id))

        @dg.asset(partitions_def=imports, backfill_policy=one_run, dagster_type=dg.Nothing, deps=[rows])
        def import_report(context):  # type: ignore[no-untyped-def]
            for_each_import(context, lambda import_id: self._work("import_report", import_id))

        return [rows, import_report, *([import_complete] if check else [])]

    def _work(self, step: str, import_id: str) -> dict[str, Any]:
        self.tried.append((step, import_id))
        if error := self.errors.get((step, import_id)):
            raise error
        return {"rows": len(self.tried)}


def _materialize(assets: list[Any], instance: dg.DagsterInstance, **choice: Any) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("imports", IDS)
    return dg.materialize(assets, instance=instance, raise_on_error=False, **choice)


def _message(result: dg.ExecuteInProcessResult, node: str) -> str | None:
    failure = result.failure_data_for_node(node)
    return failure.user_failure_data.description if failure and failure.user_failure_data else None


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cm_assets.failures.BASE_SECONDS", 0.0)


WHOLE_RANGE = {ASSET_PARTITION_RANGE_START_TAG: IDS[0], ASSET_PARTITION_RANGE_END_TAG: IDS[-1]}


def test_one_run_takes_many_imports_and_describes_each(instance: dg.DagsterInstance) -> None:
    graph = _Graph({})
    result = _materialize(graph.assets(), instance, tags=WHOLE_RANGE)
    assert result.success
    assert graph.tried == [(step, import_id) for step in ("rows", "import_report") for import_id in IDS]
    found = {event.partition: event.metadata["rows"].value for event in result.asset_materializations_for_node("rows")}
    assert found == {"imp_1": 1, "imp_2": 2, "imp_3": 3}
    (check,) = result.get_asset_check_evaluations()
    assert check.passed


@pytest.mark.parametrize("step", ["rows", "import_report"])
def test_an_import_that_fails_falls_out_and_the_others_go_through(instance: dg.DagsterInstance, step: str) -> None:
    graph = _Graph({(step, "imp_2"): FileRejected("imp_2.csv: the file is empty")})
    result = _materialize(graph.assets(), instance, tags=WHOLE_RANGE)
    assert not result.success
    assert _message(result, "import_complete") == "1 of 3 imports failed. imp_2: imp_2.csv: the file is empty"
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (False, _message(result, "import_complete"))
    assert {("import_report", "imp_1"), ("import_report", "imp_3")} <= set(graph.tried)
    assert (("import_report", "imp_2") in graph.tried) == (step == "import_report")
    materialized = {name: instance.get_materialized_partitions(dg.AssetKey(name)) for name in ("rows", "import_report")}
    assert materialized["import_report"] == {"imp_1", "imp_3"}
    assert materialized["rows"] == ({"imp_1", "imp_3"} if step == "rows" else set(IDS))


def test_imports_that_fail_at_several_steps_are_all_named(instance: dg.DagsterInstance) -> None:
    errors: Errors = {("rows", "imp_3"): FileRejected("three"), ("import_report", "imp_1"): ValueError("one")}
    result = _materialize(_Graph(errors).assets(), instance, tags=WHOLE_RANGE)
    assert _message(result, "import_complete") == "2 of 3 imports failed. imp_3: three; imp_1: one"


def test_a_step_in_which_the_last_import_fails_fails(instance: dg.DagsterInstance) -> None:
    errors: Errors = {("rows", import_id): FileRejected(import_id) for import_id in IDS[:2]}
    errors["import_report", "imp_3"] = FileRejected("three")
    result = _materialize(_Graph(errors).assets(), instance, tags=WHOLE_RANGE)
    assert _message(result, "import_report") == "3 of 3 imports failed. imp_1: imp_1; imp_2: imp_2; imp_3: three"
    assert instance.get_materialized_partitions(dg.AssetKey("rows")) == {"imp_3"}
    assert instance.get_materialized_partitions(dg.AssetKey("import_report")) == set()


def test_a_run_without_the_check_fails_in_the_step(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", "imp_2"): FileRejected("two")})
    result = _materialize(graph.assets(check=False), instance, tags=WHOLE_RANGE)
    assert _message(result, "rows") == "1 of 3 imports failed. imp_2: two"
    assert [import_id for _, import_id in graph.tried] == IDS


def test_what_fell_out_of_one_run_is_in_the_next_one(instance: dg.DagsterInstance) -> None:
    _materialize(_Graph({("rows", "imp_2"): FileRejected("two")}).assets(), instance, tags=WHOLE_RANGE)
    assert _materialize(_Graph({}).assets(), instance, tags=WHOLE_RANGE).success
    assert instance.get_materialized_partitions(dg.AssetKey("rows")) == set(IDS)


def test_an_import_that_another_process_works_on_is_left_to_it(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", "imp_2"): ImportBusy("busy")})
    result = _materialize(graph.assets(), instance, tags=WHOLE_RANGE)
    assert result.success
    assert graph.tried.count(("rows", "imp_2")) == 1, "nobody waits for it"
    assert instance.get_materialized_partitions(dg.AssetKey("import_report")) == {"imp_1", "imp_3"}


def test_a_run_of_which_nothing_is_left_fails_and_shows_no_asset_as_made(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", import_id): ImportBusy("busy") for import_id in IDS})
    result = _materialize(graph.assets(), instance, tags=WHOLE_RANGE)
    assert "Nothing to do" in str(_message(result, "rows"))
    assert not result.asset_materializations_for_node("rows")


def test_a_step_waits_for_what_is_out_of_reach_so_often_and_not_for_each_import(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", import_id): DatabaseUnavailable("gone") for import_id in ("imp_1", "imp_2")})
    result = _materialize(graph.assets(), instance, tags=WHOLE_RANGE)
    assert [import_id for step, import_id in graph.tried if step == "rows"] == [*["imp_1"] * 4, "imp_2", "imp_3"]
    assert _message(result, "import_complete") == "2 of 3 imports failed. imp_1: gone; imp_2: gone"


def test_imports_stay_in_order_where_one_has_to_wait(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", "imp_1"): DatabaseUnavailable("gone")})
    work = graph._work

    def back_again(step: str, import_id: str) -> dict[str, Any]:
        if len(graph.tried) == 2:
            graph.errors.clear()
        return work(step, import_id)

    graph._work = back_again  # type: ignore[method-assign]
    assert _materialize(graph.assets(), instance, tags=WHOLE_RANGE).success
    assert [import_id for step, import_id in graph.tried if step == "rows"] == ["imp_1", "imp_1", *IDS]


def _together(graph: _Graph, calls: list[list[str]]) -> list[Any]:
    """The same graph, its first asset doing all imports of the run in one call."""

    def work(import_ids: Sequence[str]) -> dict[str, Any]:
        calls.append(list(import_ids))
        return {import_id: graph.errors.get(("rows", import_id), {"rows": 1}) for import_id in import_ids}

    @dg.asset(name="rows", partitions_def=imports, backfill_policy=one_run, dagster_type=dg.Nothing)
    def rows(context):  # type: ignore[no-untyped-def]
        for_all_imports(context, work, split=lambda outcome, _: dict(outcome))

    return [rows, *graph.assets()[1:]]


def test_a_step_that_does_all_imports_together_lets_those_that_fail_fall_out(instance: dg.DagsterInstance) -> None:
    calls: list[list[str]] = []
    graph = _Graph({("rows", "imp_1"): FileRejected("one"), ("rows", "imp_2"): DatabaseUnavailable("gone")})
    result = _materialize(_together(graph, calls), instance, tags=WHOLE_RANGE)
    assert calls == [IDS, *[["imp_2"]] * 3], "what may pass is tried three times more"
    assert _message(result, "import_complete") == "2 of 3 imports failed. imp_1: one; imp_2: gone"
    assert instance.get_materialized_partitions(dg.AssetKey("rows")) == {"imp_3"}
    (event,) = result.asset_materializations_for_node("rows")
    assert event.metadata["rows"].value == 1


def test_a_step_that_does_all_imports_together_fails_as_ever_for_a_single_one(instance: dg.DagsterInstance) -> None:
    calls: list[list[str]] = []
    graph = _Graph({("rows", "imp_2"): FileRejected("two")})
    result = _materialize(_together(graph, calls), instance, partition_key="imp_2")
    assert (calls, _message(result, "rows")) == ([["imp_2"]], "two")


def test_a_single_import_fails_with_its_own_message(instance: dg.DagsterInstance) -> None:
    graph = _Graph({("rows", "imp_2"): FileRejected("imp_2.csv: the file is empty")})
    result = _materialize(graph.assets(), instance, partition_key="imp_2")
    assert _message(result, "rows") == "imp_2.csv: the file is empty"
    assert shared_run.failed() == {}
