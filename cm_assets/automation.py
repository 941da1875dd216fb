"""When downstream assets follow their sources by themselves: the two follow-ups, and the sensor that evaluates them.

What the landing zone triggers is `sensors.landing`; nothing here looks at files.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

import dagster as dg

#: Sources that never come to rest do not hold their followers back for longer than until the next full hour.
AT_THE_LATEST = "0 * * * *"
#: When the marts are built without news: before the first call anywhere (UTC).
DAILY = "0 10 * * *"
#: When the data-quality report of a day is written without news: after the marts (UTC).
DAILY_REPORT = "0 12 * * *"

Condition: TypeAlias = dg.AutomationCondition[Any]


def follow(
    *sources: str, leader: str, ends_with: Iterable[str], after: Condition | None = None, daily: str | None = None
) -> Condition:
    """The condition of every asset of one follow-up run: all of them are requested together or none.

    True when a source (an asset key) was updated since `leader` was last requested, or when `leader` never ran
    although a source has; and while no source is in progress or queued, the run itself (any of `ends_with`) is not
    either, and `after`, another follow-up that comes first, is not about to be requested. So a burst of imports is
    followed by one run, after the last of them. A failed run is not repeated before the next update.

    `daily`, a cron schedule, is news too once any source has something.

    A run that finishes does not settle what is pending: an update that came while it ran is not in it. Hence a run
    by hand is followed by one more.
    """
    # Everything is asked about the leader and the sources, nothing about the asset that carries the condition: early
    # assets of a run are no longer "in progress" while it goes on, and Dagster's own `will_be_requested` knows only
    # what was evaluated before. Either would tear the follow-up into several runs.
    condition = dg.AutomationCondition
    requested = condition.newly_requested()
    # One `since` a source: only there does Dagster compare an update's time with the request's within one tick;
    # behind an "or" an update that falls between a request and the next tick would be lost.
    updated = _any(condition.asset_matches(key, condition.newly_updated()).since(requested) for key in sources)
    has_run = _any(condition.asset_matches(key, ~condition.missing()) for key in sources)
    never_ran = (condition.missing() & has_run).newly_true().since(requested)
    unrest = _any(condition.asset_matches(key, condition.in_progress()) for key in sources)
    at_rest = ~unrest | condition.cron_tick_passed(AT_THE_LATEST)
    running = _any(condition.asset_matches(key, condition.in_progress()) for key in ends_with)
    news = updated | never_ran
    if daily is not None:
        news = news | (condition.cron_tick_passed(daily).since(requested) & has_run).with_label("daily")
    due = (
        news.with_label("source updated, not yet followed")
        & at_rest.with_label("sources at rest")
        & (~running).with_label("not running")
    )
    if after is not None:
        due = due & (~after).with_label("nothing that comes first is due")
    return condition.asset_matches(leader, due).with_label(f"after {', '.join(sources)}")


def _any(conditions: Iterable[Condition]) -> Condition:
    return reduce(or_, conditions)


#: Duplicates are found anew when persons were updated.
DEDUPE = follow("persons", leader="linkage_model", ends_with=["person_duplicates"])


def with_marts_condition(models: dg.AssetsDefinition, *before: dg.AssetsDefinition) -> list[dg.AssetsDefinition]:
    """The dbt models and what is worked out `before` them in the same run.

    They follow the duplicates, the suppression lists, the facts and the contact history; and once a day they run
    without news, since verdicts run out by the passing of time.
    """
    leaves = _leaves(models)
    condition = follow(
        "person_duplicates",
        "dnc_registry",
        "opt_outs",
        "contact_facts",
        "touchpoints",
        leader=leaves[0],
        ends_with=leaves,
        after=DEDUPE,
        daily=DAILY,
    )
    return [
        definition.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=condition))
        for definition in (models, *before)
    ]


def with_report_condition(report: dg.AssetsDefinition, models: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The data-quality report follows the marts, and is written once a day even if they fail."""
    leaves = _leaves(models)
    condition = follow(*leaves, leader=report.key.to_user_string(), ends_with=[report.key.to_user_string()],
                       daily=DAILY_REPORT)  # fmt: skip
    return report.map_asset_specs(
        lambda spec: spec.replace_attributes(
            automation_condition=condition, deps=[dg.AssetDep(leaf) for leaf in leaves]
        )
    )


def _leaves(models: dg.AssetsDefinition) -> list[str]:
    """What no other model reads: the last of a run."""
    read = {key for keys in models.asset_deps.values() for key in keys}
    return sorted(key.to_user_string() for key in models.keys if key not in read)


def automation_sensor(*, interval_seconds: int) -> dg.AutomationConditionSensorDefinition:
    """The daemon's evaluation of all conditions, on by default."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=interval_seconds,
        description="Requests runs for assets whose sources were updated and have come to rest.",
    )
