"""Whether linkage can be trusted: a trained model, no cluster that grew together, and no sudden change between runs.

Nothing here changes a link. What changed suddenly is a warning: a new list of another kind may be the reason.
"""

import dagster as dg

from cm_assets.checks.drift import Run, deviation, stability_index
from cm_assets.failures import clean_failures
from cm_assets.metadata import table
from resources.database import DatabaseResource

#: Runs of linkage that the latest is compared with.
HISTORY = 10
#: The match rate may differ by this part of its usual value, and by so much in all (0.01: one person in a hundred).
RATE_CHANGE, RATE_STEP = 0.2, 0.01
#: From this population stability index on, cluster sizes have moved: the usual reading of the index.
SIZES_MOVED = 0.1

_LARGE = """
select entity_id, count(*) as persons
from persons
group by entity_id
having count(*) > %s
order by persons desc, entity_id
limit 1000
"""


@dg.asset_check(asset="linkage_model", description="Every level of every comparison of the model has its weights.")
def model_is_trained(store: DatabaseResource) -> dg.AssetCheckResult:
    """Fail with the names of the levels that were never trained, or of what is wrong with the stored model."""
    from cm_core import linkage
    from cm_core.errors import LinkageError

    try:
        model = linkage.train_or_load_model(store.settings, store.database)
    except LinkageError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(passed=True, metadata={"levels": len(model.weights), "version": model.version})


@dg.asset_check(
    asset="person_duplicates",
    description="No entity holds more persons than CM_MAX_CLUSTER_SIZE: those that do were joined by exact keys or "
    "decisions, and a filler that passes for a key may be why.",
)
def no_over_merged_entity(context: dg.AssetCheckExecutionContext, store: DatabaseResource) -> dg.AssetCheckResult:
    """Warn with the largest entities."""
    with (
        clean_failures(context),
        store.database.connect() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_LARGE, (store.settings.max_cluster_size,))
        large = [{"entity_id": entity, "persons": persons} for entity, persons in cursor.fetchall()]
    return dg.AssetCheckResult(
        passed=not large,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(large)} entities are too large" if large else None,
        metadata={"entities": len(large), **({"largest": table(large)} if large else {})},
    )


@dg.asset_check(
    asset="person_duplicates",
    description="The share of persons that are duplicates is about what it was in the last runs.",
)
def match_rate_is_steady(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Warn where the match rate left its usual value, the median of the last runs."""
    latest, *before = _runs(context.instance)
    found = deviation(latest.match_rate, [run.match_rate for run in before])
    moved = found is not None and abs(found.by) > max(RATE_STEP, RATE_CHANGE * found.usual)
    return dg.AssetCheckResult(
        passed=not moved,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{latest.match_rate:.1%} of persons are duplicates, usually {found.usual:.1%}" if found else None,
        metadata={"match_rate": latest.match_rate, "runs": len(before), **({"usual": found.usual} if found else {})},
    )


@dg.asset_check(
    asset="person_duplicates",
    description="Persons fall into clusters of each size about as in the last run (population stability index).",
)
def cluster_sizes_are_steady(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Warn where the distribution of cluster sizes has moved since the run before."""
    latest, *before = _runs(context.instance)
    index = stability_index(before[0].sizes, latest.sizes) if before else None
    shares = [{"persons in the cluster": name, **values} for name, values in _shares(latest, before[:1]).items()]
    return dg.AssetCheckResult(
        passed=index is None or index < SIZES_MOVED,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if index is None else f"population stability index {index:.3f}",
        metadata={"runs": len(before), "shares": table(shares), **({} if index is None else {"index": index})},
    )


def _shares(latest: Run, before: list[Run]) -> dict[str, dict[str, str]]:
    named = dict(zip(("now", "before"), (latest, *before), strict=False))
    bins = dict.fromkeys(name for run in named.values() for name in run.shares)
    return {name: {title: f"{run.shares.get(name, 0.0):.2%}" for title, run in named.items()} for name in bins}


def _runs(instance: dg.DagsterInstance) -> list[Run]:
    """The latest run of linkage and those before it, by what they said of themselves."""
    found = instance.fetch_materializations(dg.AssetKey("person_duplicates"), limit=HISTORY + 1).records
    said = [record.asset_materialization.metadata for record in found if record.asset_materialization]
    runs = [Run.of(metadata["cluster_sizes"].value) for metadata in said if "cluster_sizes" in metadata]
    return runs or [Run({})]
