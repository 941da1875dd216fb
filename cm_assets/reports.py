"""Reports as assets: that of an import, whose content is `cm_core.imports.reports` (seed D4), and that of a day on the
quality of the data, which is `cm_core.quality`.
"""

import dagster as dg

from cm_assets.checks.checklist import CHECKLIST, checklist_results
from cm_assets.compliance import DBT_POOL
from cm_assets.failures import clean_failures
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


@dg.asset(
    pool=DBT_POOL,
    group_name="reports",
    kinds={"html"},
    owners=["team:data-engineering"],
)
def quality_report(context: dg.AssetExecutionContext, store: DatabaseResource) -> dg.MaterializeResult:
    """The data-quality report of the day as a page: what every check last said, and how the imports went.

    Shares the pool of the dbt models, so that it never reads what half of their tests have said.
    """
    from cm_assets.quality import collect
    from cm_core import quality

    with clean_failures(context):
        report = collect(context.instance, store.database)
        url = quality.keep(store.settings, report)
    counts = {str(state).replace(" ", "_"): count for state, count in report.counts.items()}
    return dg.MaterializeResult(metadata=metadata_of({"page": url, "headline": report.headline, **counts}))
