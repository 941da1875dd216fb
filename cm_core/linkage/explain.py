"""Why two persons are one, or are not: what they have in common, what the model says, which rule decided.

They are compared by the code of a dedupe (`records`, `pairs`, `decide.sql`, `evidence.sql`), over the source rows of
the two and of those whom exact keys join to them. How the outcome is put into words is in `reasons` and `words`.
Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from cm_core.compute import session, sql
from cm_core.errors import PersonError
from cm_core.linkage import base as bases
from cm_core.linkage import changes, pairs, records
from cm_core.linkage.reasons import Judgement, Pair, Reason, reason
from cm_core.linkage.source import read_sources, rows_of
from cm_core.linkage.stages import model_in_use
from cm_core.linkage.standing import Standing, look_up
from cm_core.linkage.stored import Base, open_base
from cm_core.linkage.words import Contribution, contributions
from cm_core.settings import Settings
from cm_core.store.bulk import fetch
from cm_core.store.database import Database

# A contact is shared if its carriers have too many surnames, now or when an import saw it.
_SHARED_PHONES = """
select 'phone', n.phone_e164,
    greatest(count(distinct coalesce(p.last_key, p.organization_key)), coalesce(max(s.surnames), 0)) as surnames
from phone_numbers as n
join persons as p on p.id = n.person_id
left join shared_contacts as s on s.kind = 'phone' and s.contact_key = n.phone_e164
where n.phone_e164 in %s and (n.phone_type is null or n.phone_type <> 'fax')
group by n.phone_e164
having surnames > %s
"""
_SHARED_EMAILS = """
select 'email', n.email_key,
    greatest(count(distinct coalesce(p.last_key, p.organization_key)), coalesce(max(s.surnames), 0)) as surnames
from email_addresses as n
join persons as p on p.id = n.person_id
left join shared_contacts as s on s.kind = 'email' and s.contact_key = n.email_key
where n.email_key in %s
group by n.email_key
having surnames > %s
"""
_SHARED = (
    ("select distinct phone_e164 from source_phones", _SHARED_PHONES),
    ("select distinct email_key from source_emails", _SHARED_EMAILS),
)
_SHARED_SCHEMA = pa.schema([("kind", pa.string()), ("key", pa.string()), ("surnames", pa.int64())])
_NO_SHARED = "create or replace table shared_keys (kind varchar, key varchar, surnames bigint)"
_SHARE = """
delete from base.shared_contacts;
insert into base.shared_contacts select kind, hash(kind, key), surnames from shared_keys;
"""
_NOTHING_BEFORE = "create or replace table touched_components (component bigint)"
_PERSONS = "create or replace table components as select person_id as id, person_id as component from asked"
_KEEP = """
delete from base.{table} where unique_id not in (select id from nodes);
delete from new_{table} where unique_id not in (select id from nodes);
"""
_BOTH = "select count(*) from base.{table} where unique_id in (select id from nodes)"
_MET_RECORDS = "create or replace table met_records as from base.records"
_FORCED = (
    "create or replace table candidates as select '0' as match_key, min(id) as join_key_l, max(id) as join_key_r "
    "from nodes"
)
_SCORED = "create or replace table scored as select unique_id_l, unique_id_r, match_probability from {table}"
_JUDGED = "select refusal, match_probability, initial_id is not null from judged_pairs"
_LEGAL_MET = "select count(*) from met"
_LEGAL_ONE = "select count(*) from judged_legal where is_one"
_EVIDENCE_PAIR = (
    "create or replace table evidence_pairs as select min(person_id) as id_l, max(person_id) as id_r, "
    "null::double as match_probability from asked"
)
_EVIDENCE = """
select e.tier, e.score, e.reason, m.email_points, m.phone_points, m.name_points, m.zip_points
from evidence as e
inner join measured_pairs as m using (id_l, id_r)
"""


@dataclass(frozen=True)
class Evidence:
    """The seed's view of two persons (E2): tier (None: none of the three), 0-100 score with its parts, in words."""

    tier: int | None
    score: int
    parts: dict[str, int]
    reason: str


@dataclass(frozen=True)
class Score:
    """What the model says. `prior_bits` and the bits of all contributions make `bits`, and `probability` of them.

    `compared` are the persons of either side: the two, each with those whom exact keys join to it. `base_records` is
    how many records the prior and the frequencies of names are of; without `has_base` (no dedupe yet) these are the
    census's.
    """

    version: str
    source: str
    compared: list[list[int]]
    base_records: int
    has_base: bool
    prior_bits: float
    contributions: list[Contribution]
    bits: float
    probability: float
    threshold: float


@dataclass(frozen=True)
class Explanation:
    """Two persons, whether they are one now, why, and what that was decided by.

    `common_keys` are the exact keys that both have, `too_common` the contacts of both that do not count because too
    many carry them. `stored_probability` is that of the last dedupe, where it linked the two. `model` is None where
    there was nothing for it to compare; `chart` is a page with Splink's waterfall chart, if one was asked for.
    """

    persons: tuple[Standing, Standing]
    reason: Reason
    evidence: Evidence | None
    common_keys: list[dict[str, str]]
    too_common: list[dict[str, Any]]
    model: Score | None
    stored_probability: float | None
    chart: str | None = field(default=None, repr=False)

    @property
    def are_one(self) -> bool:
        """Whether the two are of one entity now."""
        return self.persons[0].entity_id == self.persons[1].entity_id

    def as_json(self) -> dict[str, Any]:
        """The form that `cm explain --json` prints."""
        return {
            "persons": [_person(person) for person in self.persons],
            "are_one": self.are_one,
            "golden_person_id": self.persons[0].golden_id if self.are_one else None,
            "decided_by": self.reason.code,
            "reason": self.reason.words,
            "evidence": vars(self.evidence) if self.evidence else None,
            "model": _score(self.model) if self.model else None,
            "stored_probability": self.stored_probability,
            "common_keys": self.common_keys,
            "too_common": self.too_common,
        }


def explain(settings: Settings, database: Database, one: int, other: int, *, with_chart: bool = False) -> Explanation:
    """Why two persons are one or not.

    The two are compared as they are now. How common a name or a contact is, which components exact keys make and which
    pairs were linked is as of the last dedupe, whose tables in the lake are scanned by column.

    Raises PersonError if one of the two is unknown, if they are the same or one is a human and the other is none.
    """
    if one == other:
        raise PersonError(f"Person {one} is one with itself: give two different ids.")
    with database.connect() as connection:
        persons = (look_up(connection, one), look_up(connection, other))
    _require_one_kind(*persons)
    with session(settings) as con, open_base(settings, con, model_in_use(settings)) as base:
        return _explain(settings, database, con, base, persons, with_chart=with_chart)


def _explain(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    base: Base,
    persons: tuple[Standing, Standing],
    *,
    with_chart: bool,
) -> Explanation:
    ids = [person.person_id for person in persons]
    known = base.components(ids)
    components = [known.get(id, id) for id in ids]
    joined = components[0] == components[1]
    members = base.members(components)
    nodes = ids if joined else components
    placed = dict(zip(ids, ids, strict=True)) if joined else {**members, **dict(zip(ids, components, strict=True))}
    _table(con, "asked", person_id=ids)
    _table(con, "nodes", id=nodes)
    _table(con, "compared_components", id=components)
    _table(con, "components", id=list(placed), component=list(placed.values()))
    bases.begin(con)
    rows_of(database, con, sorted({*members, *ids}))
    read_sources(settings, database, con)
    changes.everything(con)
    records.read_facts(con, settings)
    if not base.judge_ids():
        records.measure_ids(con)
    _share(settings, database, con)
    con.execute(sql(__package__, "explain.sql"))
    con.execute(_NOTHING_BEFORE)
    records.make(con)

    pair = Pair(
        persons=persons,
        components=(components[0], components[1]),
        is_new=len(known) < 2,
        common_keys=[] if len(known) == 2 and not joined else _rows(con, "common_keys"),
        linked=None if joined else base.linked(*components),
    )
    too_common = _rows(con, "too_common")
    score, chart, judged = None, None, Judgement()
    if _both(con, "records"):
        con.execute(_KEEP.format(table="records"))
        score, chart, judged = _compare(
            settings, con, base, pair,
            compared=[[id for id, node in placed.items() if node == wanted] for wanted in nodes],
            turned=nodes[0] > nodes[1], with_chart=with_chart,
        )  # fmt: skip
    elif _both(con, "legal_records"):
        judged = _compare_legal(con)
    return Explanation(
        persons=persons,
        reason=reason(database, base, pair, judged, threshold=settings.match_threshold),
        evidence=_evidence(con),
        common_keys=pair.common_keys,
        too_common=too_common,
        model=score,
        stored_probability=pair.linked,
        chart=chart,
    )


def _compare(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    base: Base,
    pair: Pair,
    *,
    compared: list[list[int]],
    turned: bool,
    with_chart: bool,
) -> tuple[Score, str | None, Judgement]:
    """What the model and the rules around it say of the two humans in `records`.

    `turned`: the model sees the second person first.
    """
    size = base.count_names()
    pairs.block(con)
    con.execute(sql(__package__, "candidates.sql"))
    con.execute(_MET_RECORDS)
    met = con.execute("select names_agree is true, generations_clash from met_pairs").fetchone()
    con.execute(_FORCED)
    model = model_in_use(settings)
    linker, table = pairs.predict(con, model, records=size)
    predicted = _dicts(con, f'select * from "{table}"')
    con.execute(_SCORED.format(table=table))
    pairs.decide(con, settings)
    refusal, probability, is_initial = con.execute(_JUDGED).fetchall()[0]
    waterfall = linker.visualisations.waterfall_chart(predicted, filter_nulls=False)
    bars = list(waterfall.chart_data)
    score = Score(
        version=model.version,
        source=model.source,
        compared=compared,
        base_records=size,
        has_base=base.exists,
        prior_bits=float(bars[0]["log2_bayes_factor"]),
        contributions=contributions(bars, turned=turned),
        bits=float(predicted[0]["match_weight"]),
        probability=float(probability),
        threshold=settings.match_threshold,
    )
    chart = None
    if with_chart:
        chart = linker.visualisations.waterfall_chart(predicted).to_html(inline=True)
    is_likely = probability >= settings.match_threshold
    may_be_hot = met is not None and met[0] and not met[1] and is_likely and refusal is None
    judged = Judgement(
        kind="human",
        has_met=met is not None,
        names_agree=met is None or met[0],
        generations_clash=met is not None and met[1],
        probability=float(probability),
        is_likely=is_likely,
        refusal=refusal,
        is_initial=is_initial,
        hot=base.hot_meetings() if may_be_hot and base.exists and pair.linked is None and not pair.are_joined else [],
    )
    return score, chart, judged


def _compare_legal(con: duckdb.DuckDBPyConnection) -> Judgement:
    con.execute(_KEEP.format(table="legal_records"))
    pairs.block(con)
    con.execute(sql(__package__, "candidates.sql"))
    pairs.judge_legal(con)
    (met,) = con.execute(_LEGAL_MET).fetchall()[0]
    (linked,) = con.execute(_LEGAL_ONE).fetchall()[0]
    return Judgement(kind="legal", has_met=bool(met), is_likely=bool(linked))


def _evidence(con: duckdb.DuckDBPyConnection) -> Evidence | None:
    """The seed's tier and score of the two persons themselves, as `person_duplicates` has them."""
    con.execute(_PERSONS)
    con.execute(sql(__package__, "nodes.sql"))
    con.execute(_EVIDENCE_PAIR)
    con.execute(sql(__package__, "evidence_persons.sql"))
    pairs.explain(con)
    row = con.execute(_EVIDENCE).fetchone()
    if row is None:
        return None
    tier, score, words, *points = row
    parts = dict(zip(("email", "phone", "name", "zip"), (int(point) for point in points), strict=True))
    return Evidence(tier, int(score), parts, words)


def _share(settings: Settings, database: Database, con: duckdb.DuckDBPyConnection) -> None:
    """Make `shared_keys` and `base.shared_contacts`: few rows cannot tell how many carry one, the database can."""
    con.execute(_NO_SHARED)
    if most := settings.shared_contact_max_surnames:
        _fetch_shared(database, con, most)
    con.execute(_SHARE)


def _fetch_shared(database: Database, con: duckdb.DuckDBPyConnection, most: int) -> None:
    with database.connect() as connection:
        for contacts, query in _SHARED:
            if found := tuple(row[0] for row in con.execute(contacts).fetchall()):
                fetch(connection, query, (found, most), con, "shared_keys", _SHARED_SCHEMA)


def _require_one_kind(one: Standing, other: Standing) -> None:
    if one.is_legal != other.is_legal and "unknown" not in (one.entity_type, other.entity_type):
        raise PersonError(
            f"Person {one.person_id} is of the type {one.entity_type} and person {other.person_id} of the type "
            f"{other.entity_type}: a human and an organisation are never compared."
        )


def _both(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(con.execute(_BOTH.format(table=table)).fetchall()[0][0] == 2)


def _table(con: duckdb.DuckDBPyConnection, name: str, **columns: list[int]) -> None:
    con.register("given", pa.table({column: pa.array(values, pa.int64()) for column, values in columns.items()}))
    con.execute(f"create or replace table {name} as from given")
    con.unregister("given")


def _rows(con: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    return _dicts(con, f"select * from {table} order by all")


def _dicts(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _person(person: Standing) -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "entity_type": person.entity_type,
        "entity_id": person.entity_id,
        "golden_person_id": person.golden_id,
        "current_status": person.status,
        "link": vars(person.link) if person.link else None,
    }


def _score(score: Score) -> dict[str, Any]:
    said = [
        {
            "comparison": item.comparison,
            "in_words": str(item),
            "bits": item.bits,
            "rarity_bits": item.rarity_bits,
            "values": list(item.values),
        }
        for item in score.contributions
    ]
    return {**vars(score), "contributions": said}
