"""The stages of linkage, each a call for an asset, and their checkpoints in the lake.

    linkage/model.json            the model in use, if one was trained here
    linkage/exact.parquet         person -> exact-tier component
    linkage/records.parquet       what was compared, one human record per component
    linkage/pairs.parquet         pairs of components that are one: probability, tier, score, reason
    linkage/doubts.parquet        pairs that may be one, and why they are in doubt

Each stage can be repeated; the last one writes to MySQL in one transaction.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from cm_core.compute import session, sql
from cm_core.errors import LinkageError
from cm_core.lake import lake
from cm_core.linkage import clusters, decisions, drawings, households, pairs, records, splits
from cm_core.linkage import model as models
from cm_core.linkage.source import read_sources
from cm_core.linkage.write import write
from cm_core.settings import Settings
from cm_core.store.database import Database

MODEL_KEY = "linkage/model.json"
_TABLES = {"exact": "exact_components", "records": "records", "pairs": "evidence", "doubts": "doubts"}
_SAVE = "copy (from {table} order by all) to '{path}' (format parquet, compression zstd)"
_LOAD = "create or replace table {table} as from read_parquet(?)"
_NO_DOUBTS = "create or replace table doubts as select *, ''::varchar as cause from evidence limit 0"
_SAMPLE_ROWS = 2_000_000
_SAMPLE = "create or replace table training_records as select * from records order by hash(unique_id) limit ?"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ModelResult:
    """Which model is in use: its version, where it comes from, what it was trained on, and its match weights."""

    version: str
    source: str
    trained_on: dict[str, Any]
    weights: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class BuiltRecords:
    """Persons, exact-tier components and records to compare (see `records.Records`), and where they are."""

    persons: int
    exact_components: int
    human_records: int
    legal_records: int
    shared_contacts: int
    exact_edges: int
    location: str


@dataclass(frozen=True)
class PairsResult:
    """What was compared and linked. `block_pairs` counts candidates per blocking rule; `hot_blocks` were left out.

    `split` is the number of new persons made by taking persons apart whose rows no longer share a key.
    """

    persons: int
    exact_components: int
    exact_edges: int
    split: int
    scored: int
    linked: int
    model_version: str
    block_pairs: dict[str, int]
    hot_blocks: list[dict[str, Any]]
    location: str


@dataclass(frozen=True)
class DedupeResult:
    """What the database says now, and what this run changed.

    `pairs` counts linked pairs of components, `duplicates` persons linked to a golden record, `clusters` entities
    (single persons too), `golden` entities with duplicates, `refused` pairs left out by the over-merge guard or a
    decision (why: `refused_by_cause`), `queued` pairs that wait for review, `households` groups of entities that
    belong together without being one, `split` new persons made by taking persons apart; `linked`, `unlinked` and
    `rescored` rows of person_duplicates that changed. `cluster_sizes` counts clusters by their number of persons.
    `reviewed_...`: linkage against the pairs that people decided (`decisions.Reviewed`).
    """

    job_id: str
    pairs: int
    clusters: int
    golden: int
    duplicates: int
    linked: int
    unlinked: int
    rescored: int
    persons_changed: int
    refused: int
    refused_by_cause: dict[str, int]
    queued: int
    households: int
    split: int
    cluster_sizes: dict[int, int]
    reviewed_pairs: int
    reviewed_precision: float | None
    reviewed_recall: float | None


def train_or_load_model(settings: Settings, database: Database | None = None) -> ModelResult:
    """The model in use: the one trained here if there is one, else the one that comes with the system.

    Raises LinkageError if it is malformed or untrained in a level.
    """
    return _described(model_in_use(settings))


def train_model(
    settings: Settings, database: Database, *, version: str, progress: Progress | None = None
) -> ModelResult:
    """Train a model on the canonical data, without labels, and put it in use. Takes minutes; do it rarely.

    Raises LinkageError if a level was never seen in the data, naming it; the model in use then stays.
    """
    tell = progress or _silent
    with session(settings) as con:
        tell("reading rows")
        read_sources(settings, database, con)
        tell("building records")
        records.read_facts(con, settings)
        counts = records.build(con, merge_exact=False)
        if counts.human_records < 2:
            raise LinkageError("There are no people to train a linkage model on. Import some first.")
        con.execute(_SAMPLE, (_SAMPLE_ROWS,))
        records.count_names(con, table="training_records")
        tell("training")
        trained_on = {"records": min(counts.human_records, _SAMPLE_ROWS), "source": "canonical persons"}
        model = models.train(con, table="training_records", version=version, trained_on=trained_on)
    lake(settings).put_bytes(model.to_json().encode(), MODEL_KEY)
    return _described(model)


def build_records(
    settings: Settings, database: Database, *, job_id: str | None = None, progress: Progress | None = None
) -> BuiltRecords:
    """Read all rows, take persons apart whose rows no longer belong together, join the others by exact keys.

    One record per component is stored in the lake. Taking apart is the only thing written to MySQL.
    """
    with session(settings) as con:
        counts, _ = _build(settings, database, con, _job(job_id), progress or _silent)
        return BuiltRecords(**vars(counts), location=lake(settings).url("linkage/records.parquet"))


def find_pairs(
    settings: Settings, database: Database, *, job_id: str | None = None, progress: Progress | None = None
) -> PairsResult:
    """Find the pairs that are one and store them as `linkage/pairs.parquet`, after what `build_records` does.

    Raises LinkageError if the model is untrained or there are more candidate pairs than CM_MAX_PAIRS.
    """
    with session(settings) as con:
        return _find(settings, database, con, _job(job_id), progress or _silent)


def write_duplicates(
    settings: Settings, database: Database, *, job_id: str | None = None, progress: Progress | None = None
) -> DedupeResult:
    """Cluster the stored pairs, choose golden records and bring MySQL to that, in one transaction.

    Only differences are written: doing it again changes nothing. Raises LinkageError if no pairs are stored.
    """
    tell = progress or _silent
    with session(settings) as con:
        if not lake(settings).exists("linkage/pairs.parquet"):
            raise LinkageError("No pairs are stored yet. Run `cm dedupe`, or materialise duplicate_pairs first.")
        tell("reading rows")
        read_sources(settings, database, con)
        records.read_facts(con, settings)
        _load(settings, con)
        return _write(settings, database, con, _job(job_id), 0, tell)


def run(
    settings: Settings, database: Database, *, job_id: str | None = None, progress: Progress | None = None
) -> DedupeResult:
    """All stages in one go. `progress` hears of each step."""
    tell = progress or _silent
    with session(settings) as con:
        job = _job(job_id)
        found = _find(settings, database, con, job, tell)
        return _write(settings, database, con, job, found.split, tell)


def charts(settings: Settings, sizes: dict[int, int] | None = None) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications by name: `match_weights` and `parameters` (m and u) of the model in use.

    With `sizes`, `cluster_sizes` too.
    """
    found = models.charts(model_in_use(settings))
    if sizes is not None:
        found["cluster_sizes"] = drawings.cluster_sizes(sizes)
    return found


def _find(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job: str, tell: Progress
) -> PairsResult:
    model = model_in_use(settings)
    counts, split = _build(settings, database, con, job, tell)
    tell("comparing")
    scoring = pairs.score(con, settings, model)
    _save(settings, con, "pairs")
    _save(settings, con, "doubts")
    return PairsResult(
        persons=counts.persons,
        exact_components=counts.exact_components,
        exact_edges=counts.exact_edges,
        split=split,
        scored=scoring.scored,
        linked=scoring.linked,
        model_version=model.version,
        block_pairs=scoring.block_pairs,
        hot_blocks=scoring.hot_blocks,
        location=lake(settings).url("linkage/pairs.parquet"),
    )


def _build(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job: str, tell: Progress
) -> tuple[records.Records, int]:
    tell("reading rows")
    read_sources(settings, database, con)
    tell("building records")
    records.read_facts(con, settings)
    if split := splits.split(settings, database, con, job):
        records.read_facts(con, settings)
    _read_decisions(database, con)
    counts = records.build(con)
    _save(settings, con, "exact")
    _save(settings, con, "records")
    return counts, split


def _write(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job: str, split: int, tell: Progress
) -> DedupeResult:
    tell("clustering")
    _read_decisions(database, con)
    con.execute("create or replace table component_evidence as from evidence")
    linked = int(con.execute("select count(*) from evidence").fetchall()[0][0])
    clustering = clusters.cluster(con, clusters.Limits.of(settings))
    con.execute(sql(__package__, "review_queue.sql"), {"places": settings.review_queue_size})
    (queued,) = con.execute("select count(*) from queue").fetchall()[0]
    households.read_joint_owners(database, con)
    families = households.find(con)
    tell("writing")
    written = write(settings, database, con, job)
    answers = decisions.reviewed(database)
    return DedupeResult(
        job_id=job,
        pairs=linked,
        clusters=written.clusters,
        golden=written.golden,
        duplicates=written.duplicates,
        linked=written.linked,
        unlinked=written.unlinked,
        rescored=written.rescored,
        persons_changed=written.persons_changed,
        refused=clustering.refused,
        refused_by_cause=clustering.causes,
        queued=int(queued),
        households=families,
        split=split,
        cluster_sizes=clustering.sizes,
        reviewed_pairs=answers.pairs,
        reviewed_precision=answers.precision,
        reviewed_recall=answers.recall,
    )


def _read_decisions(database: Database, con: duckdb.DuckDBPyConnection) -> None:
    with database.connect() as connection:
        decisions.read(connection, con)


def _job(job_id: str | None) -> str:
    return (job_id or f"dedupe_{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(3)}")[:50]


def model_in_use(settings: Settings) -> models.Model:
    """The model trained here if there is one, else the one that comes with the system."""
    store = lake(settings)
    if store.exists(MODEL_KEY):
        return models.parse(store.get_bytes(MODEL_KEY).decode("utf-8", "replace"), store.url(MODEL_KEY))
    return models.default()


def _described(model: models.Model) -> ModelResult:
    return ModelResult(model.version, model.source, model.trained_on, models.weights(model))


def _save(settings: Settings, con: duckdb.DuckDBPyConnection, name: str) -> None:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="linkage-", dir=settings.scratch_dir) as folder:
        path = Path(folder) / f"{name}.parquet"
        con.execute(_SAVE.format(table=_TABLES[name], path=str(path).replace("'", "''")))
        lake(settings).put_file(path, f"linkage/{name}.parquet")


def _load(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="linkage-", dir=settings.scratch_dir) as folder:
        for name, table in _TABLES.items():
            if name == "doubts" and not lake(settings).exists("linkage/doubts.parquet"):  # of an earlier version
                con.execute(_NO_DOUBTS)
                continue
            path = lake(settings).materialize(f"linkage/{name}.parquet", Path(folder))
            con.execute(_LOAD.format(table=table), (str(path),))
    if "personal_ids" not in {name for name, *_ in con.execute("describe records").fetchall()}:
        raise LinkageError(
            "The stored records are of an earlier version of this system. Run `cm dedupe`, or materialise "
            "duplicate_pairs first."
        )


def _silent(step: str) -> None:
    """Nobody listens."""
