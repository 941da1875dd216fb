"""Raw files as assets: what lies in the landing zone, checked and registered. Reading its rows is staging."""

from collections.abc import Iterator

import dagster as dg

from cm_assets.partitions import for_each_import, imports, one_run
from resources.database import DatabaseResource

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
    context: dg.AssetExecutionContext, store: DatabaseResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """A file in the landing zone: write-once, checksummed, with its format and encoding detected.

    Its row in `import_metadata` says where it is and what became of it. A file that cannot be an import at all is
    rejected here, and nothing after this step runs.
    """
    from cm_core.imports import pipeline

    try:
        for_each_import(context, lambda import_id: pipeline.check_raw(store.settings, store.database, import_id))
    except dg.Failure as failure:
        yield dg.AssetCheckResult(passed=False, description=failure.description)
        raise
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])
