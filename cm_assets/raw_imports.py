"""Raw files as assets: what lies in the landing zone, checked and registered. Reading its rows is staging."""

from collections.abc import Iterator
from enum import Enum

import dagster as dg
from pydantic import Field

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
        for_each_import(
            context, lambda import_id: pipeline.check_raw(store.settings, store.database, import_id, mode=mode)
        )
    except dg.Failure as failure:
        yield dg.AssetCheckResult(passed=False, description=failure.description)
        raise
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])
