"""The checklist as asset checks: each can fail, and says for which import."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from cm_assets.checks.checklist import LINES, checklist_results

WHOLE_IMPORT = {"file_readable", "schema_matches", "row_count"}


def _checklist(**status: str) -> dict[str, Any]:
    return {"checks": [{"check": line, "status": status.get(name, "PASS")} for name, line in LINES.items()]}


def _by_name(checklists: dict[str, dict[str, Any]]) -> dict[str, dg.AssetCheckResult]:
    return {str(result.check_name): result for result in checklist_results(checklists)}


def test_a_clean_import_passes_all() -> None:
    assert all(result.passed for result in checklist_results({"imp_1": _checklist()}))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("status", ["FAIL", "WARN"])
def test_each_check_fails_with_its_line_and_no_other(name: str, status: str) -> None:
    found = _by_name({"imp_1": _checklist(), "imp_2": _checklist(**{name: status})})
    assert {check for check, result in found.items() if not result.passed} == {name}
    assert found[name].description == f"imp_2: {status}"
    fails_the_import = name in WHOLE_IMPORT and status == "FAIL"
    expected = dg.AssetCheckSeverity.ERROR if fails_the_import else dg.AssetCheckSeverity.WARN
    assert found[name].severity == expected


def test_a_line_that_is_missing_does_not_pass() -> None:
    found = _by_name({"imp_1": {"checks": []}})
    assert not any(result.passed for result in found.values())
    assert found["row_count"].description == "imp_1: MISSING"


def test_counts_of_a_line_are_told() -> None:
    line = {"check": LINES["row_count"], "status": "FAIL", "expected": 3, "actual": 2}
    found = _by_name({"imp_1": {"checks": [line]}})
    assert found["row_count"].description == "imp_1: FAIL (expected 3, actual 2)"
