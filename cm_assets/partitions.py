"""The partitions of the graph, and the loop that takes a run through its imports one by one.

What is done to an import belongs to the asset that calls the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from cm_assets.failures import dagster_failure
from cm_assets.metadata import metadata_of

#: One partition an import; the key is its `import_id`. The landing sensor adds them.
imports = dg.DynamicPartitionsDefinition(name="imports")

#: One partition a slice of a table of the legacy database; the key is the slice's name. `legacy_mysql_plan` adds them.
legacy_slices = dg.DynamicPartitionsDefinition(name="legacy_slices")

#: A backfill of many imports is one run; each step takes them in the order of their partitions.
one_run = dg.BackfillPolicy.single_run()


def for_each_import(
    context: dg.AssetExecutionContext,
    work: Callable[[str], Any],
    *,
    describe: Callable[[Any], dict[str, Any]] = metadata_of,
    split: Callable[[Any, str], dict[str, Any]] | None = None,
    noun: str = "imports",
) -> dict[str, Any]:
    """Do `work(import_id)` for every import of the run and attach what it returns as metadata; returns the results.

    An import that fails does not keep the ones after it from being tried; the step fails at the end and names
    each. `describe(result)` gives the metadata; for a multi-asset `split(result, asset_name)` gives that of one.
    `noun` is what the partitions are, for that message.
    """
    from cm_core.imports.records import acting_as

    results: dict[str, Any] = {}
    failures: list[tuple[str, Exception]] = []
    for import_id in context.partition_keys:
        started = time.monotonic()
        try:
            with acting_as(_actor(context)):
                results[import_id] = result = work(import_id)
        except Exception as error:
            if len(context.partition_keys) == 1:
                raise dagster_failure(context, error) from error
            context.log.error(f"{import_id}: {error}")
            failures.append((import_id, error))
            continue
        seconds = {"seconds": round(time.monotonic() - started, 3)}
        for key in context.selected_asset_keys:
            name = key.to_python_identifier()
            found = split(result, name) if split else describe(result)
            context.add_asset_metadata({**found, **seconds}, asset_key=key, partition_key=import_id)
    if failures:
        raise _several(context.partition_keys, failures, noun)
    return results


def _actor(context: dg.AssetExecutionContext) -> str:
    """Who is behind the run, for the audit log: the user of the command line, the sensor, or somebody in the UI."""
    tags = context.run.tags
    who = tags.get("cm/user") or (f"sensor {tags['dagster/sensor_name']}" if "dagster/sensor_name" in tags else "UI")
    return f"{who}, run {context.run.run_id}"


def _several(import_ids: Iterable[str], failures: list[tuple[str, Exception]], noun: str) -> dg.Failure:
    total = len(list(import_ids))
    reasons = "; ".join(f"{import_id}: {error}" for import_id, error in failures)
    return dg.Failure(description=f"{len(failures)} of {total} {noun} failed. {reasons}", allow_retries=False)
