"""The validation checklist of an import (seed D4) as the asset checks of its report.

How each line is decided is `cm_core.imports.reports`; here its status becomes a check result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from cm_assets.metadata import table

#: Check name by the line's text in the checklist: the seed's seven, and two that its lists need.
LINES = {
    "file_readable": "File readable",
    "schema_matches": "Schema matches expected",
    "required_fields": "Required fields present",
    "row_count": "Row count matches file",
    "row_shape": "Rows of the right width and encoding",
    "duplicate_rows": "Duplicate rows in batch",
    "invalid_emails": "Invalid emails",
    "invalid_phones": "Invalid phones",
    "data_types": "Data types valid",
}

#: Lines about the import as a whole. The others are about single rows and values: they say how good the list is,
#: not that the import went wrong, and are warnings.
_WHOLE_IMPORT = frozenset({"file_readable", "schema_matches", "row_count"})

CHECKLIST = [
    dg.AssetCheckSpec(name, asset="import_report", description=f"{line} (validation checklist)")
    for name, line in LINES.items()
]


def checklist_results(checklists: Mapping[str, Mapping[str, Any]]) -> list[dg.AssetCheckResult]:
    """The result of every check for the checklists of a run, by import id."""
    return [_result(name, checklists) for name in LINES]


def _result(name: str, checklists: Mapping[str, Mapping[str, Any]]) -> dg.AssetCheckResult:
    """One line of several checklists as one result: passed when it is PASS for every import.

    A line that is missing is not passed. ERROR when it fails an import as a whole, WARN otherwise.
    """
    lines = [{"import_id": import_id, **_line(name, checklist)} for import_id, checklist in checklists.items()]
    bad = [line for line in lines if line["status"] != "PASS"]
    only_warned = bool(bad) and all(line["status"] == "WARN" for line in bad)
    return dg.AssetCheckResult(
        asset_key="import_report",
        check_name=name,
        passed=not bad,
        severity=dg.AssetCheckSeverity.ERROR
        if name in _WHOLE_IMPORT and not only_warned
        else dg.AssetCheckSeverity.WARN,
        description="; ".join(_sentence(line) for line in bad) or None,
        metadata={"imports": table(bad + [line for line in lines if line["status"] == "PASS"])},
    )


def _line(name: str, checklist: Mapping[str, Any]) -> Mapping[str, Any]:
    checks: Sequence[Mapping[str, Any]] = checklist.get("checks", [])
    return next((line for line in checks if line.get("check") == LINES[name]), {"status": "MISSING"})


def _sentence(line: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {value}" for key, value in line.items() if key not in ("import_id", "check", "status"))
    return f"{line['import_id']}: {line['status']}" + (f" ({rest})" if rest else "")
