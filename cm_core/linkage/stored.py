"""What the last dedupe left in the lake, looked at for a few persons: their components, pairs, blocks, name counts.

Columns are scanned, never whole tables. Nothing is compared or decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from cm_core.compute import sql
from cm_core.linkage import base, records
from cm_core.linkage.clusters import Person
from cm_core.linkage.model import Model
from cm_core.settings import Settings

_COMPONENTS = "select id, component from stored.exact_components where id in (select unnest($ids))"
_MEMBERS = (
    "select id, component from stored.exact_components where component in (select unnest($components)) order by id"
)
_PAIR = "select match_probability from stored.evidence where id_l = $low and id_r = $high"
_FACTS = """
select unique_id, first_name, name_forms, name_is_known, name_class, generation, dob, last_name, personal_ids
from stored.records
where unique_id in (select unnest($components))
"""
# The two themselves as they are now, everybody else as of the last dedupe.
_NAMED = """
create or replace view named_records as
select first_name, last_name from stored.records where unique_id not in (select id from compared_components)
union all
select first_name, last_name from base.records
"""
_COUNT = "select count(*) from named_records"
# Blocks that both are in, and how many have them.
_MEETINGS = """
create or replace view both_records as from base.records;
create or replace table meetings as
select m.rule, m.key, h.records
from (select rule, key from block_texts('both_records') group by rule, key having count(*) = 2) as m
left join stored.hot_blocks as h on m.rule = h.rule and m.key = h.key
"""
_COLD = "select count(*) from meetings where records is null"
_HOT = "select rule || ' ' || key from meetings order by 1"


@dataclass(frozen=True)
class Base:
    """The base that the last dedupe stored, as the catalog `stored` of `con`.

    `exists` is False where there was none; then all answers are those of an empty base.
    """

    con: duckdb.DuckDBPyConnection
    exists: bool

    def components(self, persons: Sequence[int]) -> dict[int, int]:
        """The exact-tier component of each person; those that came later are missing."""
        if not self.exists:
            return {}
        return dict(self.con.execute(_COMPONENTS, {"ids": list(persons)}).fetchall())

    def members(self, components: Sequence[int]) -> dict[int, int]:
        """All persons of exact-tier components, each with its component."""
        if not self.exists:
            return {}
        return dict(self.con.execute(_MEMBERS, {"components": list(components)}).fetchall())

    def linked(self, one: int, other: int) -> float | None:
        """The probability by which two components were linked, before clustering; None if they were not."""
        if not self.exists:
            return None
        row = self.con.execute(_PAIR, {"low": min(one, other), "high": max(one, other)}).fetchone()
        return None if row is None else float(row[0])

    def facts(self, components: Sequence[int]) -> dict[int, Person]:
        """What can contradict in the records of components; organisations are missing."""
        found = self.con.execute(_FACTS, {"components": list(components)}).fetchall()
        return {row[0]: Person.of(row[1:]) for row in found}

    def count_names(self) -> int:
        """Make the name frequencies of everybody, with `base.records` (the two compared) as they are now; how many.

        Without a base they are those of the two and of the census alone.
        """
        if not self.exists:
            records.count_names(self.con, table="base.records")
            return int(self.con.execute("select count(*) from base.records").fetchall()[0][0])
        self.con.execute(_NAMED)
        records.count_names(self.con, table="named_records", only="base.records")
        return int(self.con.execute(_COUNT).fetchall()[0][0])

    def judge_ids(self) -> bool:
        """Make `base.person_identifiers` by what ids are worth in the whole base; False where it has none."""
        if not self.exists or not base.has_rows(self.con, "stored.held_ids"):
            return False
        self.con.execute(sql(__package__, "identifiers_stored.sql"))
        return True

    def hot_meetings(self) -> list[str]:
        """The blocks in which the two of `base.records` meet, if every one of them is hot; else nothing.

        Needs what `pairs.block` makes.
        """
        self.con.execute(_MEETINGS)
        if self.con.execute(_COLD).fetchall()[0][0]:
            return []
        return [str(row[0]) for row in self.con.execute(_HOT).fetchall()]


@contextmanager
def open_base(settings: Settings, con: duckdb.DuckDBPyConnection, model: Model) -> Iterator[Base]:
    """What the last dedupe stored, for the length of the block. One of another version, model or rule is none."""
    with base.read(settings, con, model, name="stored") as is_there:
        yield Base(con, exists=is_there)
