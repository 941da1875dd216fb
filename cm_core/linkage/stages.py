"""The stages of linkage, each a call for an asset, and what they leave in the lake.

    linkage/model.json     the model in use, if one was trained here
    linkage/base.duckdb    what is known of all rows, records and pairs (`base`): the next run works on changes alone

Each stage can be repeated; the last one writes to MySQL in one transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from cm_core.compute import session, sql
from cm_core.errors import LinkageError
from cm_core.lake import lake
from cm_core.linkage import base, changes, clusters, decisions, drawings, households, pairs, records, splits
from cm_core.linkage import model as models
from cm_core.linkage.source import own_rows, read_sources
from cm_core.linkage.write import write
from cm_core.linkage.written import read_marks
from cm_core.settings import Settings
from cm_core.store.database import Database

MODEL_KEY = "linkage/model.json"
_SAMPLE_ROWS = 2_000_000
_SAMPLE = "create or replace table training_records as select * from base.records order by hash(unique_id) limit ?"
_TOUCHED = "person_id in (select person_id from touched_persons)"
_IS_MORE = f"select (select count(*) from base.owned where {_TOUCHED}) > (select count(*) from person_rows)"
_CHANGED = "row_id in (select row_id from changed_rows)"
_RESULTS = """
create or replace table evidence as from base.evidence;
create or replace table component_evidence as from evidence;
create or replace view doubts as from base.doubts;
create or replace view exact_components as from base.exact_components;
create or replace view records as from base.records;
create or replace view legal_records as from base.legal_records;
"""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ModelResult:
    """Which model is in use: its version, where it comes from, what it was trained on, and its match weights."""

    version: str
    source: str
    trained_on: dict[str, Any]
    weights: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class PairsResult:
    """What was compared and linked. `block_pairs` counts candidates per blocking rule; `hot_blocks` were left out.

    `changed_rows` are new, gone or with another person since the last run, `touched` persons and `scored` pairs were
    looked at anew in this run; the others stand as they were. `split` is the number of new persons made by taking
    persons apart whose rows no longer share a key. `identifier_types`: how often those who share an id of this kind
    agree in name or birthday, and whether it counts.
    """

    persons: int
    exact_components: int
    changed_rows: int
    touched: int
    split: int
    scored: int
    linked: int
    model_version: str
    block_pairs: dict[str, int]
    hot_blocks: list[dict[str, Any]]
    identifier_types: list[dict[str, Any]]
    location: str


@dataclass(frozen=True)
class DedupeResult:
    """What the database says now, and what this run changed.

    `pairs` counts linked pairs of components, `duplicates` persons linked to a golden record, `clusters` entities
    (single persons too), `golden` entities with duplicates, `refused` pairs left out by the over-merge guard or a
    decision (why: `refused_by_cause`), `queued` pairs that wait for review, `households` groups of entities that
    belong together without being one, `split` new persons made by taking persons apart; `linked`, `unlinked` and
    `rescored` rows of person_duplicates that changed; `looked_at` are the persons of clusters that may have changed.
    `cluster_sizes` counts clusters by their number of persons.
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
    looked_at: int
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
        base.begin(con)
        tell("reading rows")
        changes.read_changes(database, con)
        own_rows(con, _CHANGED)
        read_sources(settings, database, con)
        tell("building records")
        records.read_facts(con, settings)
        records.finish_facts(con)
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


def find_pairs(
    settings: Settings,
    database: Database,
    *,
    full: bool = False,
    job_id: str | None = None,
    progress: Progress | None = None,
) -> PairsResult:
    """Find the pairs that are one: new and changed records against all. The base in the lake is brought up to date.

    The outcome is that of a run over everything, which `full` asks for. Raises LinkageError if the model is untrained
    or there are more candidate pairs than CM_MAX_PAIRS.
    """
    model = model_in_use(settings)
    with session(settings) as con, base.updated(settings, con, model, afresh=full):
        return _find(settings, database, con, model, _job(job_id), progress or _silent)


def write_duplicates(
    settings: Settings,
    database: Database,
    *,
    full: bool = False,
    job_id: str | None = None,
    progress: Progress | None = None,
) -> DedupeResult:
    """Cluster the stored pairs, choose golden records and bring MySQL to that, in one transaction.

    Only differences are written: doing it again changes nothing. `full`: from what MySQL says of everybody, not from
    what the last run wrote. Raises LinkageError if no pairs are stored.
    """
    with session(settings) as con, base.read(settings, con, model_in_use(settings), name="base") as is_there:
        if not is_there:
            raise LinkageError(
                "No pairs are stored yet, or those of another version, model or rule of this system. Run `cm dedupe`, "
                "or materialise duplicate_pairs first."
            )
        return _write(settings, database, con, _job(job_id), 0, progress or _silent, full=full)


def run(
    settings: Settings,
    database: Database,
    *,
    full: bool = False,
    job_id: str | None = None,
    progress: Progress | None = None,
) -> DedupeResult:
    """All stages in one go. `full`: see `find_pairs`. `progress` hears of each step."""
    tell, job, model = progress or _silent, _job(job_id), model_in_use(settings)
    with session(settings) as con:
        with base.updated(settings, con, model, afresh=full):
            found = _find(settings, database, con, model, job, tell)
        with base.read(settings, con, model, name="base"):
            return _write(settings, database, con, job, found.split, tell, full=full)


def link_rows(
    con: duckdb.DuckDBPyConnection, settings: Settings, model: models.Model
) -> tuple[records.Records, pairs.Scoring]:
    """Link the rows in `source_*` of `con` among themselves, without a database; `clusters` says who is one.

    An empty base is begun for them, in memory.
    """
    base.begin(con)
    changes.everything(con)
    records.read_facts(con, settings)
    records.finish_facts(con)
    counts = records.build(con)
    scoring = pairs.score(con, settings, model)
    con.execute(_RESULTS)
    return counts, scoring


def charts(settings: Settings, sizes: dict[int, int] | None = None) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications by name: `match_weights` and `parameters` (m and u) of the model in use.

    With `sizes`, `cluster_sizes` too.
    """
    found = models.charts(model_in_use(settings))
    if sizes is not None:
        found["cluster_sizes"] = drawings.cluster_sizes(sizes)
    return found


def _find(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    model: models.Model,
    job: str,
    tell: Progress,
) -> PairsResult:
    counts, changed, split = _build(settings, database, con, job, tell)
    tell("comparing")
    scoring = pairs.score(con, settings, model)
    return PairsResult(
        persons=counts.persons,
        exact_components=counts.exact_components,
        changed_rows=changed,
        touched=counts.touched,
        split=split,
        scored=scoring.scored,
        linked=scoring.linked,
        model_version=model.version,
        block_pairs=scoring.block_pairs,
        hot_blocks=scoring.hot_blocks,
        identifier_types=con.sql("from base.identifier_types order by id_type").to_arrow_table().to_pylist(),
        location=lake(settings).url(base.KEY),
    )


def _build(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job: str, tell: Progress
) -> tuple[records.Records, int, int]:
    """The records of all, the rows that had changed, and the persons that were split off."""
    tell("reading rows")
    changed = changes.read_changes(database, con)
    own_rows(con, _CHANGED)
    read_sources(settings, database, con)
    tell("building records")
    records.read_facts(con, settings)
    split = splits.split(settings, database, con, job)
    _read_decisions(database, con)
    records.finish_facts(con)
    if con.execute(_IS_MORE).fetchall()[0][0]:
        own_rows(con, _TOUCHED)
        read_sources(settings, database, con)
        records.identify(con, settings)
    return records.build(con), changed, split


def _write(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    job: str,
    split: int,
    tell: Progress,
    *,
    full: bool,
) -> DedupeResult:
    with ThreadPoolExecutor(1) as beside:
        marks = beside.submit(read_marks, database)
        tell("clustering")
        _read_decisions(database, con)
        con.execute(_RESULTS)
        linked = int(con.execute("select count(*) from evidence").fetchall()[0][0])
        clustering = clusters.cluster(con, clusters.Limits.of(settings))
        for statement in con.extract_statements(sql(__package__, "review_queue.sql")):
            places = {"places": settings.review_queue_size} if statement.named_parameters else None
            con.execute(statement, places)
        (queued,) = con.execute("select count(*) from queue").fetchall()[0]
        households.read_joint_owners(database, con)
        families = households.find(con)
        tell("writing")
        written = write(settings, database, con, job, marks.result, full=full)
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
        looked_at=written.looked_at,
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


def _silent(step: str) -> None:
    """Nobody listens."""
