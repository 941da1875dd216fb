"""The report from what an instance holds: a small graph of its own, evaluated for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cm_assets import quality
from cm_assets.metadata import table
from cm_assets.partitions import imports
from cm_core.quality import Check, Report
from cm_core.quality.report import State
from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import DatabaseResource

#: What the check says next: keyword arguments of its result.
SAYS: dict[str, Any] = {}


class _Broken(Exception):
    pass


@dg.asset(partitions_def=imports, group_name="reports")
def import_report() -> None: ...


@dg.asset(group_name="compliance", tags={"layer": "marts"})
def compliance_call() -> None:
    if SAYS.get("breaks"):
        raise _Broken


@dg.asset_check(asset=import_report, name="row_count", description="Row count matches file.")
def row_count() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(**({"passed": True} | SAYS.get("row_count", {})))


@dg.asset_check(asset=compliance_call, name="has_verdicts")
def has_verdicts() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(**({"passed": True} | SAYS.get("has_verdicts", {})))


DEFS = dg.Definitions(assets=[import_report, compliance_call], asset_checks=[row_count, has_verdicts])


class _Graph:
    """The instance, runs of the two assets with their checks, and the report."""

    def __init__(self, instance: dg.DagsterInstance, database: Database) -> None:
        self.instance, self._database = instance, database

    def imported(self, import_id: str, **says: Any) -> None:
        self.instance.add_dynamic_partitions(str(imports.name), [import_id])
        self._run([import_report, row_count], {"row_count": says}, partition_key=import_id)

    def built(self, *, breaks: bool = False, **says: Any) -> None:
        self._run([compliance_call, has_verdicts], {"has_verdicts": says, "breaks": breaks})

    def _run(self, definitions: list[Any], says: dict[str, Any], **arguments: Any) -> None:
        SAYS.clear()
        SAYS.update(says)
        dg.materialize(definitions, instance=self.instance, raise_on_error=False, **arguments)

    def report(self, **arguments: Any) -> Report:
        return quality.collect(self.instance, self._database, defs=DEFS, **arguments)

    def check(self, name: str) -> Check:
        (found,) = [check for check in self.report().checks if check.name == name]
        return found


@pytest.fixture(scope="module")
def empty(_mariadb_databases: Any) -> Iterator[Database]:
    """A database without marts, for all tests."""
    made = _mariadb_databases.make()
    yield made
    _mariadb_databases.drop(made)


@pytest.fixture
def graph(empty: Database) -> Iterator[_Graph]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield _Graph(instance, empty)


def test_a_check_that_never_ran_is_in_the_report(graph: _Graph) -> None:
    report = graph.report()
    assert {(check.asset, check.name, check.description, check.section, check.state) for check in report.checks} == {
        ("import_report", "row_count", "Row count matches file.", "reports", State.never_ran),
        ("compliance_call", "has_verdicts", None, "compliance, marts", State.never_ran),
    }
    assert report.imports is None


def test_a_failure_shows_its_severity_its_rows_and_how_many(graph: _Graph) -> None:
    rows = [{"entity_id": number, "why": "a | b"} for number in range(9)]
    graph.built(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="Nine have none",
        metadata={"violations": 9, "examples": table(rows)},
    )
    check = graph.check("has_verdicts")
    (failure,) = check.failures
    assert (check.state, check.severity, failure.description, failure.failing_rows) == (
        State.warned, "WARN", "Nine have none", 9,
    )  # fmt: skip
    assert failure.samples == tuple({"entity_id": str(number), "why": "a | b"} for number in range(quality.SAMPLES))
    assert failure.partition is None
    graph.built()
    assert graph.check("has_verdicts").state is State.passed


def test_personal_data_stays_out_of_the_report(graph: _Graph) -> None:
    rows = [{"touchpoint_id": 7, "contact_key": "+14055550001", "evidence": "", "rule_ids": "call.dnc_listed"}]
    graph.built(passed=False, metadata={"latest": table(rows)})
    assert graph.check("has_verdicts").failures[0].samples == (
        {"touchpoint_id": "7", "contact_key": "(personal data)", "evidence": "", "rule_ids": "call.dnc_listed"},
    )


def test_each_import_speaks_for_itself(graph: _Graph) -> None:
    lines = [{"import_id": "imp_1", "status": "FAIL"}, {"import_id": "imp_1", "status": "PASS"}]
    graph.imported("imp_1", passed=False, metadata={"imports": table(lines)})
    graph.imported("imp_2")
    check = graph.check("row_count")
    assert (check.state, [failure.partition for failure in check.failures]) == (State.failed, ["imp_1"])
    assert check.failures[0].samples == ({"import_id": "imp_1", "status": "FAIL"},)
    assert check.latest is not None
    assert (check.latest.partition, check.trend) == ("imp_2", (False, True))
    graph.imported("imp_1")
    assert graph.check("row_count").state is State.passed


def test_a_run_that_fails_first_leaves_the_check_unknown_until_it_runs(graph: _Graph) -> None:
    graph.built()
    graph.built(breaks=True)
    check = graph.check("has_verdicts")
    assert (check.state, check.trend) == (State.did_not_run, (True,))
    assert not graph.report().is_good
    graph.built()
    assert graph.check("has_verdicts").state is State.passed


def test_a_storage_of_another_kind_is_asked_check_by_check(graph: _Graph) -> None:
    graph.imported("imp_1", passed=False)
    graph.imported("imp_2")
    graph.built(breaks=True)
    storage, keys = graph.instance.event_log_storage, [row_count.check_key, has_verdicts.check_key]
    since = graph.report().at.replace(year=2000)
    at_once, one_by_one = (
        sorted((key.name, each.run_id, each.status.value, each.at) for key, each in found)
        for found in (quality._from_sql(storage, since), quality._one_by_one(storage, keys))
    )
    assert at_once == one_by_one
    assert len(at_once) == 3


def test_the_number_of_queries_does_not_grow_with_checks_and_evaluations(
    graph: _Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        graph.imported(f"imp_{number}", passed=number != 2)
    storage = graph.instance.event_log_storage
    opened = []
    original = storage.index_connection
    monkeypatch.setattr(storage, "index_connection", lambda: opened.append(1) or original())
    graph.report()
    assert len(opened) == 1


def test_the_report_of_the_day_is_a_page_in_the_lake(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, give_parsed_dbt: Callable[[Path], None]
) -> None:
    from cm_assets.reports import quality_report

    give_parsed_dbt(settings.home_dir)
    assert settings.database_url is not None
    monkeypatch.setenv("CM_HOME", str(settings.home_dir))
    monkeypatch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
    result = dg.materialize([quality_report], resources={"store": DatabaseResource()})
    (made,) = result.get_asset_materialization_events()
    metadata = made.materialization.metadata
    page = Path(str(metadata["page"].value))
    assert page == settings.home_dir / "lake" / "quality" / f"{datetime.now(UTC):%Y-%m-%d}.html"
    assert "one_verdict_per_contact_point_compliance_call" in page.read_text()
    assert metadata["failed"].value == 0
    assert metadata["never_ran"].value > 50
