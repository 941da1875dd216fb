"""A report as a day of work leaves it, made by hand; `python -m tests.unit.quality.reports FILE` writes its page."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cm_core.quality import Check, Evaluation, ImportDay, Planned, Report, check_of, page

AT = datetime(2026, 11, 27, 10, 40)


def check(
    asset: str,
    name: str,
    description: str | None = None,
    *,
    group: str = "compliance",
    layer: str | None = None,
    severity: str = "ERROR",
    evaluations: int = 30,
    failed_before: Collection[int] = (),
    of_imports: bool = False,
    did_not_run: bool = False,
    failure: dict[str, Any] | None = None,
) -> Check:
    """A check evaluated once a day; it fails now if `failure` says how, and so many days before."""
    made = []
    for before in range(evaluations):
        at = AT - timedelta(days=before, minutes=25)
        fails = before in failed_before or (before == 0 and bool(failure))
        partition = f"imp_{at:%Y_%m_%d}_001" if of_imports else None
        made.append(Evaluation(at, not fails, partition, severity, **((failure or {}) if before == 0 else {})))
    planned = Planned(AT - timedelta(minutes=5), "5ecfefa2-8492-4860") if did_not_run else None
    return check_of(Check(asset, name, description, group, layer, severity, None), made, planned, at=AT, days=1)


def report() -> Report:
    """Some of the graph's checks, of every state, and a month of imports."""
    return Report(AT, 1, (*_bad(), *_good()), _imports())


def _bad() -> list[Check]:
    return [
        check(
            "int_phone_findings",
            "every_finding_has_a_rule_int_phone_findings_",
            "Everything that is found against a contact point has a rule that says what it means",
            layer="intermediate",
            failure={
                "failing_rows": 2,
                "samples": (
                    {"reason_code": "wireless_no_consent", "channel": "sms", "findings": "1204"},
                    {"reason_code": "wireless_no_consent", "channel": "call", "findings": "1198"},
                ),
            },
        ),
        check(
            "import_report",
            "row_count",
            "Row count matches file (validation checklist)",
            group="reports",
            of_imports=True,
            failed_before=(9,),
            failure={
                "description": "imp_2026_11_27_001: FAIL (expected 5000, found 4998)",
                "samples": (
                    {"import_id": "imp_2026_11_27_001", "status": "FAIL", "expected": "5000", "found": "4998"},
                ),
            },
        ),
        check(
            "compliance_mail",
            "one_verdict_per_contact_point_compliance_mail",
            "Every contact point has exactly one verdict",
            layer="marts",
            did_not_run=True,
        ),
        check(
            "import_report",
            "invalid_phones",
            "Invalid phones (validation checklist)",
            group="reports",
            severity="WARN",
            of_imports=True,
            failed_before=(1, 2, 5, 6, 7, 12, 20),
            failure={
                "description": "imp_2026_11_27_001: WARN (count 12)",
                "samples": ({"import_id": "imp_2026_11_27_001", "status": "WARN", "count": "12"},),
            },
        ),
    ]


def _good() -> list[Check]:
    return [
        check("import_report", "file_readable", "File readable (validation checklist)", group="reports",
              of_imports=True),
        check("person_sources", "every_row_traced", "Every staged source row is found again in person_sources.",
              group="persons", of_imports=True),
        check("person_duplicates", "one_golden_per_entity", "Every entity (cluster) has exactly one golden record.",
              group="duplicates", failed_before=(14,)),
        check("person_duplicates", "match_rate_is_steady", group="duplicates", severity="WARN", evaluations=8),
        check("compliance_call", "one_verdict_per_contact_point_compliance_call",
              "Every contact point has exactly one verdict", layer="marts"),
        check("legacy_mysql_extract", "slice_matches_source", "A slice holds what the source holds.",
              group="raw_imports", evaluations=0),
    ]  # fmt: skip


def _imports() -> tuple[ImportDay, ...]:
    chance = random.Random(7)
    found = []
    for before in reversed(range(30)):
        day = (AT - timedelta(days=before)).date()
        if day.weekday() >= 5:
            continue
        rows = chance.randint(8_000, 60_000)
        found.append(
            ImportDay(day, chance.randint(2, 9), int(before in (3, 16)), rows, int(rows * chance.random() * 0.05))
        )
    return tuple(found)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(report()), encoding="utf-8")
