"""The last word of a run over imports: all of them are complete, or the run fails and names those that are not."""

from collections.abc import Iterator

import dagster as dg

from cm_assets import shared_run
from cm_assets.metadata import table
from cm_assets.partitions import IMPORT_COMPLETE, several_failed

_SPEC = dg.AssetCheckSpec(
    IMPORT_COMPLETE,
    asset="import_report",
    description="The import is complete. In a run over several imports, those that failed on the way are named here "
    "and the run fails, while the others are done.",
)


@dg.multi_asset_check(name=IMPORT_COMPLETE, specs=[_SPEC])
def import_complete(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Fail the run, if imports fell out of it."""
    shared_run.enter(context.run.run_id)
    failed = shared_run.failed()
    if not failed:
        yield dg.AssetCheckResult(passed=True, metadata={"imports": len(context.op_execution_context.partition_keys)})
        return
    failure = several_failed(failed, shared_run.size())
    rows = [{"import_id": import_id, "reason": reason} for import_id, reason in failed.items()]
    yield dg.AssetCheckResult(passed=False, description=failure.description, metadata={"imports": table(rows)})
    raise failure
