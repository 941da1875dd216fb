"""The code location without its follow-ups (duplicates, marts): all that is in the tables is then the imports'."""

from __future__ import annotations

import dagster as dg

from cm_assets import automation


def _stopped(*, interval_seconds: int) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition("automation", target=dg.AssetSelection.all())


@dg.definitions
def defs() -> dg.Definitions:
    """All assets but dbt's; the landing sensor is on, the automation off."""
    from cm_assets.build import build_defs

    automation.automation_sensor = _stopped
    return build_defs(dbt=False)
