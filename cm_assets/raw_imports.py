"""Raw files as assets: what lies in the landing zone, checked and registered. Reading its rows is staging."""

from collections.abc import Iterator, Mapping
from enum import Enum

import dagster as dg
from pydantic import Field

from cm_assets import shared_run
from cm_assets.metadata import table
from cm_assets.partitions import for_each_import, imports, one_run
from resources.database import DatabaseResource

#: Dagster's launchpad shows and takes the names of an enum, not its values.
ReplayMode = Enum("ReplayMode", {"full": "full", "errors-only": "errors-only"})


class ImportConfig(dg.Config):
    """What a run does to imports whose rows are in already."""

    replay: ReplayMode | None = Field(
        default=None,
        description="For imports whose rows are in: replay all of the file (full), or its rejected rows (errors-only). "
        "Left out, a replay that broke off goes on, else it is full.",
    )


FILE_ACCEPTED = dg.AssetCheckSpec(
    "file_accepted",
    asset="raw_import",
    description="The file is there, unchanged, readable, and has columns of its feed. One that is not is REJECTED: "
    "the reason is in `import_metadata.status_reason`.",
)


@dg.asset(
    partitions_def=imports,
    backfill_policy=one_run,
    group_name="raw_imports",
    kinds={"csv"},
    owners=["team:data-engineering"],
    check_specs=[FILE_ACCEPTED],
    dagster_type=dg.Nothing,
)
def raw_import(
    context: dg.AssetExecutionContext, config: ImportConfig, store: DatabaseResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """A file in the landing zone: write-once, checksummed, with its format and encoding detected.

    Its row in `import_metadata` says where it is and what became of it. A file that cannot be an import at all is
    rejected here, and nothing after this step runs. An import that is in already is replayed (see `replay` in the
    config).
    """
    from cm_core.imports import pipeline
    from cm_core.imports.replay_log import Mode

    mode = Mode(config.replay.value) if config.replay else None
    try:
        leave_other_targets(context, store)
        for_each_import(
            context, lambda import_id: pipeline.check_raw(store.settings, store.database, import_id, mode=mode)
        )
    except dg.Failure as failure:
        yield dg.AssetCheckResult(passed=False, description=failure.description)
        raise
    yield dg.MaterializeResult(check_results=[_accepted(shared_run.failed())])


def _accepted(failed: Mapping[str, str]) -> dg.AssetCheckResult:
    """The check's result for a run of which these imports failed, if any."""
    if not failed:
        return dg.AssetCheckResult(passed=True)
    rows = [{"import_id": import_id, "reason": reason} for import_id, reason in failed.items()]
    return dg.AssetCheckResult(
        passed=False,
        description="; ".join(f"{import_id}: {reason}" for import_id, reason in failed.items()),
        metadata={"imports": table(rows)},
    )


def leave_other_targets(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """In a run over a range, imports of another target than the job's are none of the run's.

    All kinds of import share the partitions, so a range that somebody chose holds others than were meant.
    """
    target = context.run.tags.get("cm/target")
    shared_run.enter(context.run.run_id)
    if target is None or not context.has_partition_key_range:
        return
    from cm_core.imports import registry

    for import_id, other in registry.targets(store.database, context.partition_keys).items():
        if other != target:
            context.log.info(f"{import_id}: left alone, it belongs to {other}.")
            shared_run.leave(import_id)
