"""Duplicates as assets: the linkage model, the pairs it finds, and the links and golden records that follow."""

import dagster as dg

from cm_assets.automation import DEDUPE
from cm_assets.failures import clean_failures
from cm_assets.metadata import metadata_of, picture
from cm_assets.persons import CANONICAL_WRITER
from resources.database import DatabaseResource


class LinkageConfig(dg.Config):
    """`full`: look at all rows and persons, not only at those that have changed since the last run."""

    full: bool = False


_PEOPLE = ["persons", "phone_numbers", "email_addresses", "addresses"]


@dg.asset(
    deps=_PEOPLE,
    group_name="duplicates",
    kinds={"splink", "duckdb"},
    owners=["team:data-engineering"],
    automation_condition=DEDUPE,
)
def linkage_model(context: dg.AssetExecutionContext, store: DatabaseResource) -> dg.MaterializeResult:
    """The trained Splink model, versioned in the lake. Trained rarely; its match weights and parameters are drawn."""
    from cm_core import linkage

    with clean_failures(context):
        model = linkage.train_or_load_model(store.settings, store.database)
        drawn = {
            f"{name}_chart": picture(linkage.to_png(chart)) for name, chart in linkage.charts(store.settings).items()
        }
        return dg.MaterializeResult(metadata={**metadata_of(model), **drawn})


@dg.asset(
    deps=[linkage_model, *_PEOPLE],
    group_name="duplicates",
    kinds={"splink", "duckdb", "parquet"},
    pool=CANONICAL_WRITER,
    owners=["team:data-engineering"],
    automation_condition=DEDUPE,
)
def duplicate_pairs(
    context: dg.AssetExecutionContext, config: LinkageConfig, store: DatabaseResource
) -> dg.MaterializeResult:
    """Pairs of persons that may be one: by tier (exact, strong, fuzzy) and by Splink's probability.

    New and changed persons are compared with all; the outcome is that of a run over everything.
    """
    from cm_core import linkage

    with clean_failures(context):
        pairs = linkage.find_pairs(store.settings, store.database, full=config.full)
        return dg.MaterializeResult(metadata=metadata_of(pairs))


@dg.asset(
    deps=[duplicate_pairs],
    group_name="duplicates",
    kinds={"mysql"},
    owners=["team:data-engineering"],
    tags={"layer": "canonical"},
    pool=CANONICAL_WRITER,
    automation_condition=DEDUPE,
)
def person_duplicates(
    context: dg.AssetExecutionContext, config: LinkageConfig, store: DatabaseResource
) -> dg.MaterializeResult:
    """Which person is a duplicate of which golden record, and why.

    Clusters keep their `entity_id` across runs. Links never delete a person and are logged in `dedup_audit_log`.
    """
    from cm_core import linkage

    with clean_failures(context):
        written = linkage.write_duplicates(store.settings, store.database, full=config.full, job_id=context.run_id)
        sizes = picture(linkage.to_png(linkage.charts(store.settings, written.cluster_sizes)["cluster_sizes"]))
        return dg.MaterializeResult(metadata={**metadata_of(written), "cluster_size_chart": sizes})
