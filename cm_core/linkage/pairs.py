"""Candidate pairs, their probability, and which of them are one person. Clustering and writing come later.

Humans are scored by the Splink model; legal entities by the rules of `legal.sql`. Pairs are counted before scoring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from splink import Linker

from cm_core.compute import sql
from cm_core.errors import LinkageError
from cm_core.linkage import records
from cm_core.linkage.model import Model, linker_for
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
}
_CAPS = "create or replace table caps as from caps_arrow"
_NO_SCORES = "create or replace table scored (unique_id_l bigint, unique_id_r bigint, match_probability double)"
_SCORED = "create or replace table scored as select unique_id_l, unique_id_r, match_probability from {table}"
_FREE_MAIL = "create or replace table free_mail as from free_mail_arrow"
_EVIDENCE_PAIRS = """
create or replace table evidence_pairs as
select id_l, id_r, match_probability from linked_humans
union all
select id_l, id_r, match_probability from linked_legal
union all
select id_l, id_r, match_probability from doubtful
"""
_DOUBTS = """
create or replace table doubts as
select e.*, d.cause from evidence as e inner join doubtful as d on e.id_l = d.id_l and e.id_r = d.id_r;
delete from evidence as e where exists (select 1 from doubtful as d where e.id_l = d.id_l and e.id_r = d.id_r);
"""
#: Doubtful pairs looked at for each place in the review queue: how much hangs on them is known only after clustering.
_DOUBTS_A_PLACE = 5
_COUNTS = "select rule, keys, pairs from block_counts order by rule"
_HOT = """
select rule, key, records from hot_blocks
union all
select rule, key, records from legal_hot_blocks
order by records desc, rule, key
limit 1000
"""
_LINKED = "select count(*) from evidence"
_CANDIDATES = "select count(*) from candidates"


@dataclass(frozen=True)
class Scoring:
    """Pairs per blocking rule (`block_pairs`), pairs scored, pairs linked, and the blocks left out for their size."""

    block_pairs: dict[str, int]
    scored: int
    linked: int
    hot_blocks: list[dict[str, Any]] = field(default_factory=list)


def score(con: duckdb.DuckDBPyConnection, settings: Settings, model: Model) -> Scoring:
    """Make `evidence(id_l, id_r, match_probability, tier, score, reason)`: pairs of components that are one.

    And `doubts`, the same and their `cause`, of pairs that might be. Needs what `records.build` makes. Raises
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
    con.execute(sql(__package__, "candidates.sql"))
    scored = int(con.execute(_CANDIDATES).fetchall()[0][0])
    _predict(con, settings, model, scored)
    decide(con, settings)
    link_legal(con)
    con.execute(_EVIDENCE_PAIRS)
    explain(con)
    con.execute(_DOUBTS)
    hot = [{"rule": rule, "key": key, "records": count} for rule, key, count in con.execute(_HOT).fetchall()]
    return Scoring(block_pairs, scored, int(con.execute(_LINKED).fetchall()[0][0]), hot)


def block(con: duckdb.DuckDBPyConnection) -> None:
    """Make `block_keys`, `hot_blocks`, `block_counts` and `live_keys` of `records`, by the caps of each rule.

    And the macro `block_texts`.
    """
    con.register("caps_arrow", pa.table({"rule": list(CAPS), "number": range(len(CAPS)), "most": list(CAPS.values())}))
    con.execute(_CAPS)
    con.unregister("caps_arrow")
    con.execute(sql(__package__, "blocks.sql"))


def explain(con: duckdb.DuckDBPyConnection) -> None:
    """Make `evidence` for `evidence_pairs` over the nodes of the `component_*` tables."""
    domains = sql(__package__, "free_mail.csv").split()[1:]
    con.register("free_mail_arrow", pa.table({"domain": domains}))
    con.execute(_FREE_MAIL)
    con.unregister("free_mail_arrow")
    con.execute(sql(__package__, "evidence.sql"))


def predict(
    con: duckdb.DuckDBPyConnection, model: Model, *, records: int, threshold: float | None, in_detail: bool = False
) -> tuple[Linker, str]:
    """Score `candidates` over `records` with the name frequencies that are in `con`; the linker and its table.

    `records` is the size of the base, for the prior. `in_detail`: see `linker_for`.
    """
    linker = linker_for(con, model, table="records", records=records, in_detail=in_detail)
    blocked = linker._db_api.register("candidates")  # the connection's own API object: Splink has no public accessor
    linker.table_management.register_blocked_pairs_for_predict(blocked)
    found = linker.inference.predict(threshold_match_probability=threshold, warning_mode="never")
    return linker, str(found.physical_name)


def decide(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make `judged_pairs`, `linked_humans` and `doubtful` of `scored` and `records`."""
    doubts = _DOUBTS_A_PLACE * settings.review_queue_size
    _run(con, "decide.sql", threshold=settings.match_threshold, most_doubts=doubts)


def link_legal(con: duckdb.DuckDBPyConnection) -> None:
    """Make `legal_keys`, `legal_hot_blocks` and `linked_legal` of `legal_records`."""
    _run(con, "legal.sql", most=CAPS["address"])


def _predict(con: duckdb.DuckDBPyConnection, settings: Settings, model: Model, pairs: int) -> None:
    con.execute(_NO_SCORES)
    if not pairs:
        return
    records.count_names(con, table="records")
    size = int(con.execute("select count(*) from records").fetchall()[0][0])
    linker, table = predict(
        con, model, records=size, threshold=min(settings.review_threshold, settings.match_threshold)
    )
    con.execute(_SCORED.format(table=table))
    linker.table_management.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]


def _run(con: duckdb.DuckDBPyConnection, name: str, **parameters: float) -> None:
    """The statements of a file, each with the parameters that it names."""
    for statement in con.extract_statements(sql(__package__, name)):
        named = {key: parameters[key] for key in statement.named_parameters}
        con.execute(statement, named or None)
