"""What a pull of an outside system has in common as an asset: a day's partition, its metadata, and being set up at all.

Which system and what of it is in `crm` and `call_logs`. What lands becomes imports by itself (`sensors.landing`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from cm_assets.failures import clean_failures
from cm_assets.metadata import metadata_of
from cm_core.settings import Settings

#: When a day that has ended is read (UTC), and until when that has to have happened.
DAILY_PULL = "20 0 * * *"
_DEADLINE, _MARGIN = "0 6 * * *", timedelta(hours=6)

Pulls = Iterator[dg.MaterializeResult[None]]


def days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a day of UTC, from CM_DAYS_FROM to the last that has ended."""
    return dg.DailyPartitionsDefinition(start_date=settings.days_from.isoformat())


def of_each_day(partitions: dg.DailyPartitionsDefinition, *, group: str, kind: str) -> dict[str, Any]:
    """What `dg.asset` is told of every pull: a partition a run, so that a day that fails takes no other with it."""
    return {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.multi_run(1),
        "freshness_policy": dg.FreshnessPolicy.cron(deadline_cron=_DEADLINE, lower_bound_delta=_MARGIN),
        **of_system(group=group, kind=kind, pool=kind),
    }


def of_system(*, group: str, kind: str, pool: str | None = None) -> dict[str, Any]:
    """What `dg.asset` is told of everything that asks an outside system: nothing comes of it where that is not set up.

    Of a `pool` one is at work at a time.
    """
    return {
        "group_name": group,
        "kinds": {kind},
        "owners": ["team:data-engineering"],
        "dagster_type": dg.Nothing,
        "output_required": False,
        **({"pool": pool} if pool else {}),
    }


def pull_each_day(context: dg.AssetExecutionContext, missing: Sequence[str], pull: Callable[[date], object]) -> Pulls:
    """Pull the days of the run, in order; where something is `missing`, say so and do nothing."""
    if missing:
        say_what_is_missing(context, missing)
        return
    with clean_failures(context):
        for key in sorted(context.partition_keys):
            metadata = shown(pull(date.fromisoformat(key)))
            if len(context.partition_keys) > 1:
                context.add_asset_metadata(metadata, partition_key=key)
    yield dg.MaterializeResult(metadata=metadata if len(context.partition_keys) == 1 else {})


def say_what_is_missing(context: dg.AssetExecutionContext, missing: Sequence[str]) -> None:
    """The step does nothing and is no failure: the system is not set up, and the asset says what to set.

    So do those that follow it in the run: Dagster passes them over.
    """
    text = f"Not set up: set {' and '.join(missing)} (see docs/integrations.md). Nothing was asked for."
    context.log.warning(text)
    layer = context.job_def.asset_layer
    keys, found = {context.asset_key}, set[dg.AssetKey]()
    while keys:
        found |= keys
        keys = {child for key in keys for child in layer.asset_graph.get(key).child_keys} - found
    for key in sorted(found & layer.selected_asset_keys):
        context.log_event(dg.AssetObservation(key, metadata={"not_set_up": text}))


def shown(result: object) -> dict[str, Any]:
    """Metadata of a result; those of its use of the API's limits stand beside the others."""
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        return metadata_of(result)
    found = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    for name in ("usage", "readings", "pull"):
        nested = found.pop(name, None)
        if nested is not None:
            found |= {field.name: getattr(nested, field.name) for field in dataclasses.fields(nested)}
    usage = found.pop("usage", None)
    return metadata_of(found | (dataclasses.asdict(usage) if usage is not None else {}))
