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

    True when a source was updated since the target was last requested, or when the target never ran although a
    source has; and while no source is in progress, queued or about to be requested, and the target is not running
    either. So a burst of imports is followed by one run, after the last of them. A failed run is not repeated before
    the next update.

    A target that finishes does not settle what is pending: an update that came while it ran is not in it. Hence a
    run by hand is followed by one more.

    Sources need not be direct upstreams: every asset of one follow-up run carries the same condition, and is thus
    requested in the same tick.
    """
    condition = dg.AutomationCondition
    requested = condition.newly_requested()
    # One `since` a source: only there does Dagster compare an update's time with the request's within one tick;
    # behind an "or" an update that falls between a request and the next tick would be lost.
    updated = [condition.asset_matches(key, condition.newly_updated()).since(requested) for key in sources]
    has_run = [condition.asset_matches(key, ~condition.missing()) for key in sources]
    never_ran = (condition.missing() & reduce(or_, has_run)).newly_true().since(requested)
    unrest = condition.in_progress() | condition.will_be_requested()
    busy = reduce(or_, [condition.asset_matches(key, unrest) for key in sources])
    pending = (reduce(or_, updated) | never_ran).with_label("source updated, not yet followed")
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
