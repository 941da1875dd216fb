"""The asset graph as text, one line a fact, so that a change of the graph is a readable diff."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.definitions.freshness import CronFreshnessPolicy


def snapshot(defs: dg.Definitions) -> str:
    """Assets with group, partitions, pool, sources and kinds; checks; jobs with their assets; schedules; sensors."""
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        if not node.is_materializable:
            continue
        lines += [
            f"asset {key.to_user_string()}",
            f"  group       {node.group_name}",
            f"  partitions  {_partitions(node.partitions_def)}",
            f"  backfill    {node.backfill_policy.policy_type.value if node.backfill_policy else None}",
            f"  pools       {', '.join(sorted(node.pools)) or None}",
            f"  after       {', '.join(sorted(parent.to_user_string() for parent in node.parent_keys)) or None}",
            f"  kinds       {', '.join(sorted(node.kinds)) or None}",
            *([f"  fresh       {fresh}"] if (fresh := _freshness(node)) else []),
            f"  follows     {node.automation_condition.get_label() if node.automation_condition else None}",
        ]
    for check in sorted(graph.asset_check_keys):
        blocking = " (blocking)" if graph.get_check_spec(check).blocking else ""
        lines.append(f"check {check.to_user_string()}{blocking}")
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if job.name.startswith("__"):
            continue
        lines.append(f"job {job.name}")
        lines += [f"  {key.to_user_string()}" for key in sorted(job.asset_layer.selected_asset_keys)]
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        lines.append(f"schedule {schedule.name} at {schedule.cron_schedule}, {schedule.default_status.value}")
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        lines.append(f"sensor {sensor.name} every {sensor.minimum_interval_seconds} s, {sensor.default_status.value}")
    return "\n".join(lines) + "\n"


def _partitions(partitions: dg.PartitionsDefinition | None) -> str | None:
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return f"days of {partitions.timezone}"
    return getattr(partitions, "name", None)


def _freshness(node: Any) -> str | None:
    policy = node.freshness_policy
    return f"by {policy.deadline_cron}" if isinstance(policy, CronFreshnessPolicy) else None
