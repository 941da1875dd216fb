"""When downstream assets follow their sources by themselves: conditions, and the sensor that evaluates them.

What the landing zone triggers is `sensors.landing`; nothing here looks at files.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import dagster as dg

#: Sources that never come to rest do not hold their followers back for longer than until the next full hour.
AT_THE_LATEST = "0 * * * *"


def after(*sources: str) -> dg.AutomationCondition[dg.AssetKey]:
    """Follow any of `sources` (asset keys), once they have come to rest.

    True when a source was updated since the target was last requested or updated, or when the target never ran
    although a source has; and while no source is in progress, queued or about to be requested, and the target is
    not running either. So a burst of imports is followed by one run, after the last of them. A failed run is not
    repeated before the next update.

    Sources need not be direct upstreams: every asset of one follow-up run carries the same condition, and is thus
    requested in the same tick.
    """
    condition = dg.AutomationCondition
    updated = _any(sources, condition.newly_updated())
    never_ran = (condition.missing() & _any(sources, ~condition.missing())).newly_true()
    handled = condition.newly_requested() | condition.newly_updated()
    busy = _any(sources, condition.in_progress() | condition.will_be_requested())
    pending = (updated | never_ran).since(handled).with_label("source updated, not yet followed")
    at_rest = (~busy | condition.cron_tick_passed(AT_THE_LATEST)).with_label("sources at rest")
    return (pending & at_rest & ~condition.in_progress()).with_label(f"after {', '.join(sources)}")


def automation_sensor(*, interval_seconds: int) -> dg.AutomationConditionSensorDefinition:
    """The daemon's evaluation of all conditions, on by default."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=interval_seconds,
        description="Requests runs for assets whose sources were updated and have come to rest.",
    )


def _any(keys: tuple[str, ...], condition: dg.AutomationCondition) -> dg.AutomationCondition:
    matches = [dg.AutomationCondition.asset_matches(key, condition) for key in keys]
    return reduce(or_, matches)
