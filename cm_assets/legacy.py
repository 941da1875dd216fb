"""Tables of the legacy MySQL as assets: the plan of their slices, and the slices, each a file in the landing zone.

What becomes of a file that has landed is `raw_imports`.
"""

import dagster as dg
from pydantic import Field

from cm_assets.failures import clean_failures
from cm_assets.metadata import table
from cm_assets.partitions import for_each_slice, legacy_slices, one_run
from resources.database import DatabaseResource


class PlanConfig(dg.Config):
    """What to plan: all tables of CM_LEGACY_TABLES, or some; `anew` begins another extract of a complete one."""

    tables: list[str] = Field(default_factory=list)
    anew: bool = False


@dg.asset(
    group_name="raw_imports",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    dagster_type=dg.Nothing,
)
def legacy_mysql_plan(
    context: dg.AssetExecutionContext, config: PlanConfig, store: DatabaseResource
) -> dg.MaterializeResult[None]:
    """The tables of the legacy database, cut into slices along their primary keys: one partition a slice.

    A plan is made once and kept until its extract is complete. Rows that come after it belong to the next extract.
    """
    from cm_core.extract import plans

    with clean_failures(context):
        made = plans(store.settings, store.database, config.tables, anew=config.anew)
    for plan in made:
        context.instance.add_dynamic_partitions(str(legacy_slices.name), plan.slice_names())
    rows = [
        {"table": plan.table, "feed": plan.feed, "plan": plan.plan_id, "rows": plan.rows, "slices": len(plan.slices)}
        for plan in made
    ]
    return dg.MaterializeResult(
        metadata={
            "tables": table(rows),
            "rows": sum(plan.rows for plan in made),
            "slices": sum(len(plan.slices) for plan in made),
        }
    )


@dg.asset(
    partitions_def=legacy_slices,
    backfill_policy=one_run,
    deps=[legacy_mysql_plan],
    group_name="raw_imports",
    kinds={"mysql", "parquet"},
    owners=["team:data-engineering"],
    dagster_type=dg.Nothing,
)
def legacy_mysql_extract(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """A slice of a legacy table as a Parquet file in the landing zone, every value as the text that the server prints.

    Count and checksum are those that the source computed under the same snapshot. A slice that has landed is left
    alone, so a backfill over all slices goes on where one was interrupted.
    """
    from cm_core.extract import slice_pool

    store.database  # noqa: B018  # the private server runs before the workers ask for it
    with slice_pool(store.settings, context.partition_keys) as extract:
        for_each_slice(context, extract)


@dg.asset_check(
    asset=legacy_mysql_extract,
    description="The file that landed has the count and the checksum that the source computed for the slice.",
)
def slice_matches_source(context: dg.AssetCheckExecutionContext, store: DatabaseResource) -> dg.AssetCheckResult:
    """Read the landed files once more."""
    from cm_core.extract import check_pool

    keys = context.op_execution_context.partition_keys
    with clean_failures(context), check_pool(store.settings, keys) as check:
        problems = [problem for problem in map(check, keys) if problem]
    return dg.AssetCheckResult(
        passed=not problems, description=" ".join(problems) or None, metadata={"slices": len(keys)}
    )


@dg.asset_check(
    asset=legacy_mysql_extract,
    description="All slices of the plan have landed, and together they have as many rows as the table had when it "
    "was planned. A warning: the source may have changed in between.",
)
def extract_is_complete(context: dg.AssetCheckExecutionContext, store: DatabaseResource) -> dg.AssetCheckResult:
    """Compare the sum of the slices with the plan."""
    from cm_core.extract import shortfalls

    with clean_failures(context):
        found = shortfalls(store.settings, context.op_execution_context.partition_keys)
    return dg.AssetCheckResult(
        passed=not found, severity=dg.AssetCheckSeverity.WARN, description=" ".join(found) or None
    )
