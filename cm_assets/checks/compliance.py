"""Checks of compliance: whether what was done was lawful, and what the marts take for granted."""

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


@dg.asset_check(asset=compliance_violations)
def listed_numbers_are_known(store: DatabaseResource) -> dg.AssetCheckResult:
    """Every number held that a do-not-call list in force has is listed in dnc_registry, by which the marts go."""
    from cm_core.compliance import count_unlisted

    missing = count_unlisted(store.settings, store.database)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.ERROR,
        description="`cm db upgrade` lists them; the next build of the marts blocks them." if missing else None,
        metadata={"missing": missing},
    )
