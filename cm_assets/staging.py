"""Staging as assets: typed and standardised rows of an import, and what was wrong with the others."""

import dagster as dg

from cm_assets.partitions import for_each_import, imports, one_run
from cm_assets.raw_imports import raw_import
from resources.database import DatabaseResource


@dg.asset(
    deps=[raw_import],
    partitions_def=imports,
    backfill_policy=one_run,
    group_name="staging",
    kinds={"duckdb", "parquet", "mysql"},
    owners=["team:data-engineering"],
)
def staging_raw_import(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """The rows of an import, typed and standardised, with their raw values.

    Parquet in the lake keeps all of them for ever; the MySQL table of this name holds recent ones for inspection.
    Phones are E.164, e-mails normalised, names parsed, addresses upper-case with ZIP5. A value that cannot be
    standardised stays raw and is reported; a row that cannot be used is rejected to the error report.
    """
    from cm_core.imports import pipeline

    for_each_import(context, lambda import_id: pipeline.stage(store.settings, store.database, import_id))


@dg.asset(
    deps=[staging_raw_import],
    partitions_def=imports,
    backfill_policy=one_run,
    group_name="staging",
    kinds={"mysql"},
    owners=["team:data-engineering"],
)
def import_validation_log(context: dg.AssetExecutionContext, store: DatabaseResource) -> None:
    """What was wrong in which row of an import: row number, field, value, message, and whether the row is out."""
    from cm_core.imports import pipeline

    for_each_import(context, lambda import_id: pipeline.log_findings(store.settings, store.database, import_id))
