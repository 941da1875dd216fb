"""What a check is found to be from its evaluations, and how the report orders them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

from cm_core.quality import Check, Evaluation, ImportDay, Planned, Report, check_of
from cm_core.quality.report import TREND, State

AT = datetime(2026, 11, 27, 12)
BARE = Check("persons", "rows_conserved", "Rows are conserved.", "persons", None, "ERROR", None)


def _said(hours: float, passed: bool = True, partition: str | None = None, **values: object) -> Evaluation:
    """An evaluation so many hours ago."""
    return Evaluation(AT - timedelta(hours=hours), passed, partition, **values)  # type: ignore[arg-type]


def _found(*evaluations: Evaluation, planned: Planned | None = None, days: int = 1, bare: Check = BARE) -> Check:
    return check_of(bare, evaluations, planned, at=AT, days=days)


def _named(name: str, *evaluations: Evaluation, group: str = "persons", layer: str | None = None) -> Check:
    return _found(*evaluations, bare=Check(name, name, None, group, layer, "ERROR", None))


def test_a_check_on_tables_is_what_it_said_last() -> None:
    assert _found(_said(1), _said(2, passed=False)).state is State.passed
    found = _found(_said(100, passed=False, failing_rows=3), _said(200))
    assert (found.state, found.failing_rows, found.is_bad) == (State.failed, 3, True)


def test_a_good_import_does_not_settle_a_bad_one_before_it() -> None:
    bad, good = _said(5, passed=False, partition="imp_1"), _said(1, partition="imp_2")
    found = _found(good, bad)
    assert (found.state, found.failures, found.latest) == (State.failed, (bad,), good)
    assert _found(_said(0.5, partition="imp_1"), good, bad).state is State.passed


def test_an_import_that_failed_some_days_ago_is_history_unless_it_is_the_last() -> None:
    bad = _said(30, passed=False, partition="imp_1")
    assert _found(_said(1, partition="imp_2"), bad).state is State.passed
    assert _found(_said(1, partition="imp_2"), bad, days=2).state is State.failed
    assert _found(bad).state is State.failed


def test_a_warning_is_no_failure_and_the_worst_of_several_counts() -> None:
    warning = _said(2, passed=False, partition="imp_1", severity="WARN")
    found = _found(warning)
    assert (found.state, found.severity, found.is_bad) == (State.warned, "WARN", False)
    found = _found(_said(1, passed=False, partition="imp_2"), warning)
    assert (found.state, found.severity, len(found.failures)) == (State.failed, "ERROR", 2)


def test_a_run_that_failed_before_the_check_leaves_it_unknown() -> None:
    later, earlier = Planned(AT, "run"), Planned(AT - timedelta(hours=9), "run")
    found = _found(_said(1), planned=later)
    assert (found.state, found.is_bad, found.did_not_run) == (State.did_not_run, True, later)
    assert _found(_said(1), planned=earlier).state is State.passed
    assert _found(planned=later).state is State.did_not_run
    assert _found().state is State.never_ran
    assert _found(_said(1, passed=False), planned=later).state is State.failed


def test_the_trend_is_of_the_last_evaluations_by_day() -> None:
    found = _found(*(_said(hours=24 * day, passed=day != 3) for day in range(TREND + 5)))
    assert found.trend == (*[True] * (TREND - 4), False, True, True, True)
    assert len(found.days) == TREND
    assert [(day.day, day.failed) for day in found.days if day.failed] == [(date(2026, 11, 24), 1)]
    twice = _found(_said(1), _said(2, passed=False))
    assert [(day.passed, day.failed) for day in twice.days] == [(1, 1)]


def test_failures_come_first_by_section_and_within() -> None:
    report = Report(
        AT, 1,
        (
            _named("a", _said(1)),
            _named("b", group="persons"),
            _named("c", _said(1, passed=False, severity="WARN"), group="reports"),
            _named("d", _said(1), group="compliance", layer="marts"),
            _named("e", _said(2, passed=False), group="compliance", layer="marts"),
            _named("f", _said(900), group="compliance", layer="staging"),
        ),
        None,
    )  # fmt: skip
    assert [(section.name, [check.name for check in section.checks]) for section in report.sections] == [
        ("compliance, marts", ["e", "d"]),
        ("reports", ["c"]),
        ("persons", ["b", "a"]),
        ("compliance, staging", ["f"]),
    ]
    assert report.headline == (
        "6 checks: 1 failed, 1 warned, 1 never ran, 3 passed; the oldest evaluation is of 2026-10-21 00:00 UTC."
    )
    assert not report.is_good
    assert Report(AT, 1, report.checks[:4], None).is_good


def test_a_report_of_nothing_is_good_and_says_so() -> None:
    assert Report(AT, 1, (), None).headline == "0 checks: none ran."


def test_the_document_has_all_of_it() -> None:
    samples = ({"entity_id": "7"},)
    failed = _found(_said(1, passed=False, partition="imp_1", failing_rows=2, samples=samples, description="Why"))
    report = Report(AT, 1, (failed,), (ImportDay(date(2026, 11, 26), 2, 1, 300, 3),))
    document = json.loads(json.dumps(report.as_json(), default=str))
    assert (document["good"], document["counts"]["failed"]) == (False, 1)
    assert document["imports"] == [
        {"day": "2026-11-26", "imports": 2, "failed": 1, "rows": 300, "rejected_rows": 3, "error_percent": 1.0}
    ]
    (check,) = document["checks"]
    assert {name: check[name] for name in ("section", "asset", "check", "state", "severity", "partition")} == {
        "section": "persons", "asset": "persons", "check": "rows_conserved", "state": "failed", "severity": "ERROR",
        "partition": "imp_1",
    }  # fmt: skip
    assert check["failing_rows"] == 2
    assert check["failures"][0]["samples"] == [{"entity_id": "7"}]
    assert check["trend"] == [{"day": "2026-11-27", "passed": 0, "failed": 1}]
