"""The report of an import as an asset. What it contains is `cm_core.imports.reports` (seed D4)."""

import dagster as dg

from cm_assets.checks.checklist import CHECKLIST, checklist_results
from cm_assets.metadata import metadata_of, table
from cm_assets.partitions import for_each_import, imports, one_run
from resources.database import DatabaseResource


@dg.asset(
    deps=[
        "staging_raw_import",
        "import_validation_log",
        "persons",
        "phone_numbers",
        "email_addresses",
        "addresses",
        "person_sources",
        "dnc_registry",
        "opt_outs",
        "contact_facts",
        "campaigns",
        "touchpoints",
    ],
    partitions_def=imports,
    backfill_policy=one_run,
    group_name="reports",
    kinds={"csv", "json"},
    owners=["team:data-engineering"],
    check_specs=CHECKLIST,
)
def import_report(context: dg.AssetExecutionContext, store: DatabaseResource) -> dg.MaterializeResult:
    """What became of an import: success report (CSV), error report (CSV) and validation checklist (JSON).

    Runs last. The checklist is the checks of this asset.
    """
    from cm_core.imports import reports

    checklists = for_each_import(
        context,
        lambda import_id: reports.write(store.settings, store.database, import_id),
        describe=lambda result: {**metadata_of(result), "checklist": table(result.checklist["checks"])},
        keep=lambda result: result.checklist,
    )
    return dg.MaterializeResult(check_results=checklist_results(checklists))
