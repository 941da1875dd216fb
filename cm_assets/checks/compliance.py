"""Checks of compliance: whether what was done was lawful."""

from __future__ import annotations

import dagster as dg

from cm_assets.compliance import compliance_violations
from cm_assets.metadata import table
from resources.database import DatabaseResource


@dg.asset_check(asset=compliance_violations)
def contacts_were_lawful(store: DatabaseResource) -> dg.AssetCheckResult:
    """No call, text or e-mail of the last 90 days was against the rules and facts of its time."""
    from cm_core.compliance.retrospect import recent_violations
    from cm_core.imports.records import now

    # No contact points and no evidence: event logs are read by more people than the tables, and are never forgotten.
    shown = ("touchpoint_id", "person_id", "channel", "touched_at", "rule_ids")
    violations = recent_violations(store.database, at=now())
    found = [{name: row[name] for name in shown} for row in violations]
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"latest": table(found)} if found else {},
    )
