"""Candidate pairs, their probability, and which of them are one person. Clustering and writing come later.

Humans are scored by the Splink model; legal entities by the rules of `legal.sql`. Pairs are counted before scoring. A
pair is compared once, as long as its two records stay as they are; how likely it is depends on how common names are in
the whole base, and is weighed again in each run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from splink import Linker

from cm_core.compute import sql
from cm_core.errors import LinkageError
from cm_core.linkage import records
from cm_core.linkage.base import has_rows
from cm_core.linkage.model import Model, average_rarity, bare_linker, linker_for, prior
from cm_core.settings import Settings

#: Records a block may have; larger ones are hot and only listed.
CAPS = {
    "phone": 50,
    "email": 50,
    "address": 60,
    "street line and surname": 60,
    "house number and ZIP": 60,
    "whole name": 40,
    "surname and ZIP": 100,
    "surname and date of birth": 60,
    "house number and date of birth": 60,
    "given name and date of birth": 60,
    "identifier": 50,
    "legal phone": 60,
    "legal e-mail": 60,
    "legal address": 60,
    "legal house number and ZIP": 60,
    "legal name and ZIP": 60,
}
_CAPS = "create or replace table caps as from caps_arrow"
_KEEP_SCORES = """
insert into base.scored_pairs
select
    s.unique_id_l, s.unique_id_r, s.match_weight,
    case when l.first_name = r.first_name then l.first_name end,
    case when l.last_name = r.last_name then l.last_name end
from {table} as s
inner join met_records as l on s.unique_id_l = l.unique_id
inner join met_records as r on s.unique_id_r = r.unique_id
"""
_KEEP_LEGAL = "insert into base.legal_pairs from judged_legal"
_WORDS = "create or replace table {table} as from words_arrow"
_OUTCOME = """
create or replace table outcome as
select id_l, id_r, match_probability, null::varchar as cause from linked_humans
union all
select id_l, id_r, match_probability, null from base.legal_pairs where is_one
union all
select id_l, id_r, match_probability, cause from doubtful;
create or replace table evidence_pairs as
select id_l, id_r, match_probability from outcome anti join base.explained_pairs using (id_l, id_r);
"""
_KEEP_EVIDENCE = """
insert into base.explained_pairs select id_l, id_r, tier, score, reason from evidence;
delete from base.evidence;
insert into base.evidence
select o.id_l, o.id_r, o.match_probability, x.tier, x.score, x.reason
from outcome as o
inner join base.explained_pairs as x using (id_l, id_r)
where o.cause is null;
delete from base.doubts;
insert into base.doubts
select o.id_l, o.id_r, o.match_probability, x.tier, x.score, x.reason, o.cause
from outcome as o
inner join base.explained_pairs as x using (id_l, id_r)
where o.cause is not null;
"""
#: Doubtful pairs looked at for each place in the review queue: how much hangs on them is known only after clustering.
_DOUBTS_A_PLACE = 5
_COUNTS = "select rule, keys, pairs from block_counts order by rule"
_HOT = "select rule, key, records from base.hot_blocks order by records desc, rule, key limit 1000"
_LINKED = "select count(*) from base.evidence"
_CANDIDATES = "select count(*) from candidates"


@dataclass(frozen=True)
class Scoring:
    """Pairs per blocking rule (`block_pairs`, of blocks that changed), pairs scored in this run, pairs linked in all,
    and the blocks left out for their size.
    """

    block_pairs: dict[str, int]
    scored: int
    linked: int
    hot_blocks: list[dict[str, Any]] = field(default_factory=list)


def score(con: duckdb.DuckDBPyConnection, settings: Settings, model: Model) -> Scoring:
    """Make `base.evidence(id_l, id_r, match_probability, tier, score, reason)`: pairs of components that are one.

    And `base.doubts`, the same and their `cause`, of pairs that might be. Needs what `records.build` makes. Raises
    LinkageError if the blocks give more pairs than `settings.max_pairs`.
    """
    block(con)
    block_pairs = {str(rule): int(pairs) for rule, _, pairs in con.execute(_COUNTS).fetchall()}
    total = sum(block_pairs.values())
    if total > settings.max_pairs:
        worst = max(block_pairs, key=block_pairs.__getitem__)
        raise LinkageError(
            f"Linkage would compare {total:,} pairs, more than CM_MAX_PAIRS = {settings.max_pairs:,}; most come from "
            f"the block on {worst} ({block_pairs[worst]:,}). Raise the limit, or look for a repeated filler value."
        )
    con.execute(sql(__package__, "forget_pairs.sql"))
    con.execute(sql(__package__, "candidates.sql"))
    scored = int(con.execute(_CANDIDATES).fetchall()[0][0])
    if scored:
        _compare(con, model)
    judge_legal(con)
    con.execute(_KEEP_LEGAL)
    _weigh(con, settings, model)
    decide(con, settings)
    con.execute(_OUTCOME)
    con.execute(sql(__package__, "evidence_nodes.sql"))
    explain(con)
    con.execute(_KEEP_EVIDENCE)
    hot = [{"rule": rule, "key": key, "records": count} for rule, key, count in con.execute(_HOT).fetchall()]
    return Scoring(block_pairs, scored, int(con.execute(_LINKED).fetchall()[0][0]), hot)


def block(con: duckdb.DuckDBPyConnection) -> None:
    """Bring `base.block_keys` and `base.hot_blocks` to what the records are now, by the caps of each rule.

    Makes `block_counts`, `compared` and `live_keys`: what has to be compared. And the macros `block_texts` and
    `legal_texts`.
    """
    con.register("caps_arrow", pa.table({"rule": list(CAPS), "number": range(len(CAPS)), "most": list(CAPS.values())}))
    con.execute(_CAPS)
    con.unregister("caps_arrow")
    con.execute(sql(__package__, "blocks.sql"))
    con.execute(sql(__package__, "blocks_changed.sql" if has_rows(con, "base.block_keys") else "blocks_first.sql"))
    con.execute(sql(__package__, "blocks_sizes.sql"))


def judge_legal(con: duckdb.DuckDBPyConnection) -> None:
    """Make `judged_legal` of those in `met` that are no humans."""
    _load_words(con, "telling_words")
    con.execute(sql(__package__, "legal.sql"))


def explain(con: duckdb.DuckDBPyConnection) -> None:
    """Make `evidence` for `evidence_pairs` over `compared_nodes`."""
    _load_words(con, "free_mail")
    con.execute(sql(__package__, "evidence.sql"))


def _load_words(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make `table` of the file of that name: a header, then a word a line."""
    header, *words = sql(__package__, f"{table}.csv").split()
    con.register("words_arrow", pa.table({header: words}))
    con.execute(_WORDS.format(table=table))
    con.unregister("words_arrow")


def predict(con: duckdb.DuckDBPyConnection, model: Model, *, records: int) -> tuple[Linker, str]:
    """Score `candidates` over `met_records` in detail, with the name frequencies in `con`; the linker and its table.

    `records` is the size of the base, for the prior.
    """
    linker = linker_for(con, model, table="met_records", records=records, in_detail=True)
    return linker, _predict(con, linker)


def decide(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make `judged_pairs`, `linked_humans` and `doubtful` of `scored`, `base.records` and `base.legal_pairs`."""
    doubts, threshold = _DOUBTS_A_PLACE * settings.review_queue_size, settings.match_threshold
    _run(con, "decide.sql", threshold=threshold, least=_least(settings), most_doubts=doubts)


def _compare(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Add the candidates to `base.scored_pairs`."""
    linker = bare_linker(con, model, table="met_records")
    con.execute(_KEEP_SCORES.format(table=_predict(con, linker)))
    linker.table_management.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]


def _weigh(con: duckdb.DuckDBPyConnection, settings: Settings, model: Model) -> None:
    """Make `scored` of all pairs that may be looked at further."""
    records.count_names(con, table="base.records")
    size = int(con.execute("select count(*) from base.records").fetchall()[0][0])
    _run(
        con,
        "weigh.sql",
        prior=_bits(prior(size)),
        first_name=average_rarity(model, "first_name"),
        last_name=average_rarity(model, "last_name"),
        least=_bits(_least(settings)),
    )


def _least(settings: Settings) -> float:
    """The probability below which nobody looks at a pair."""
    return min(settings.review_threshold, settings.match_threshold)


def _bits(probability: float) -> float:
    """Log2 of the odds; those of certainty are beyond every pair."""
    if not 0 < probability < 1:
        return math.copysign(1e9, probability - 0.5)
    return math.log2(probability / (1 - probability))


def _predict(con: duckdb.DuckDBPyConnection, linker: Linker) -> str:
    blocked = linker._db_api.register("candidates")  # the connection's own API object: Splink has no public accessor
    linker.table_management.register_blocked_pairs_for_predict(blocked)
    return str(linker.inference.predict(warning_mode="never").physical_name)


def _run(con: duckdb.DuckDBPyConnection, name: str, **parameters: float) -> None:
    """The statements of a file, each with the parameters that it names."""
    for statement in con.extract_statements(sql(__package__, name)):
        named = {key: parameters[key] for key in statement.named_parameters}
        con.execute(statement, named or None)
