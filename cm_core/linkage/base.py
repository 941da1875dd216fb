"""What the last dedupe left in the lake, looked at for a few persons: their components, pairs, blocks, name counts.

Columns are scanned, never whole tables. Nothing is compared or decided here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cm_core.lake import lake
from cm_core.linkage import pairs, records
from cm_core.linkage.clusters import Person
from cm_core.settings import Settings

_TABLES = ("exact", "records", "pairs")
_VIEW = "create or replace view base_{table} as from read_parquet([{path}])"
_COMPONENTS = "select id, component from base_exact where id in (select unnest($ids))"
_MEMBERS = "select id, component from base_exact where component in (select unnest($components)) order by id"
_PAIR = "select match_probability from base_pairs where id_l = $low and id_r = $high"
_FACTS = """
select unique_id, first_name, name_forms, name_is_known, name_class, generation, dob, last_name, personal_ids
from base_records
where unique_id in (select unnest($components))
"""
# The two themselves as they are now, everybody else as of the last dedupe.
_NAMED = """
create or replace view named_records as
select first_name, last_name from base_records where unique_id not in (select id from compared_components)
union all
select first_name, last_name from records
"""
_COUNT = "select count(*) from named_records"
# Everybody who may be in one of the blocks, and others: only the columns of rules by which the two meet are scanned.
_NEIGHBOURS = """
create or replace table neighbours as
select unique_id, first_name, last_name, first_names, last_names, name_class, dob, phones, emails, address_keys,
    numbers, lines, zips, identifiers
from base_records
where {conditions}
"""
_SAME_SURNAME = "last_name in (select last_name from records)"
_NEAR = {
    "phone": "list_has_any(phones, $keys_{position})",
    "email": "list_has_any(emails, $keys_{position})",
    "address": "list_has_any(address_keys, $keys_{position})",
    "house number and ZIP": "list_has_any(numbers, $keys_{position})",
    "street line and surname": _SAME_SURNAME,
    "surname and ZIP": _SAME_SURNAME,
    "surname and date of birth": _SAME_SURNAME,
    "whole name": "list_has_any(last_names, (select flatten(list(list_concat(last_names, first_names))) from records))",
    "identifier": "list_has_any(identifiers, $keys_{position})",
    "given name and date of birth": "dob in (select dob from records)",
}
_MET_BY = "select rule, list(key order by key) from meetings group by rule order by rule"
_MEETINGS = """
create or replace table meetings as
select distinct rule, key from block_texts('records') where hash(rule, key) in (select code from live_keys)
"""
_COLD = "select count(*) from meetings as m anti join hot_blocks as h on m.rule = h.rule and m.key = h.key"
_HOT = """
select m.rule || ' ' || m.key
from meetings as m
inner join hot_blocks as h on m.rule = h.rule and m.key = h.key
order by 1
"""


@dataclass(frozen=True)
class Base:
    """The stored tables of the last dedupe, as views `base_exact`, `base_records`, `base_pairs` of `con`.

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
        """Make the name frequencies of everybody, with `records` (the two compared) as they are now; how many they are.

        Without a base they are those of the two and of the census alone.
        """
        if not self.exists:
            records.count_names(self.con, table="records")
            return int(self.con.execute("select count(*) from records").fetchall()[0][0])
        self.con.execute(_NAMED)
        records.count_names(self.con, table="named_records", only="records")
        return int(self.con.execute(_COUNT).fetchall()[0][0])

    def hot_meetings(self) -> list[str]:
        """The blocks in which the two of `records` meet, if every one of them is hot; else nothing.

        Needs `live_keys` and `block_texts` of the two. Replaces `records` and all of `pairs.block`: the last thing to
        ask.
        """
        self.con.execute(_MEETINGS)
        met_by = self.con.execute(_MET_BY).fetchall()
        conditions = " or ".join(_NEAR[rule].format(position=position) for position, (rule, _) in enumerate(met_by))
        keys = {f"keys_{position}": keys for position, (rule, keys) in enumerate(met_by) if "$" in _NEAR[rule]}
        self.con.execute(_NEIGHBOURS.format(conditions=conditions), keys)
        self.con.execute("create or replace table records as from neighbours")
        pairs.block(self.con)
        if self.con.execute(_COLD).fetchall()[0][0]:
            return []
        return [str(row[0]) for row in self.con.execute(_HOT).fetchall()]


@contextmanager
def open_base(settings: Settings, con: duckdb.DuckDBPyConnection) -> Iterator[Base]:
    """What the last dedupe stored, for the length of the block."""
    store = lake(settings)
    if not all(store.exists(f"linkage/{table}.parquet") for table in _TABLES):
        yield Base(con, exists=False)
        return
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="linkage-", dir=settings.scratch_dir) as folder:
        for table in _TABLES:
            path = store.materialize(f"linkage/{table}.parquet", Path(folder))
            quoted = "'" + str(path).replace("'", "''") + "'"
            con.execute(_VIEW.format(table=table, path=quoted))
        # Of an earlier version, which knew no identifiers: the next dedupe makes it anew.
        columns = {name for name, *_ in con.execute("describe base_records").fetchall()}
        yield Base(con, exists="personal_ids" in columns)
