"""From source rows to what the model compares: exact-tier facts, then one record per exact-tier component.

Works on DuckDB tables only: `source_*` (see `source`) and the catalog `base` (see `base`), which is brought up to date.
No database, no model here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import duckdb
import pyarrow as pa
from nicknames import NickNamer

from cm_core import upsert
from cm_core.compute import sql
from cm_core.hygiene.name_statistics import first_name_class, given_over_surname, is_common_given
from cm_core.linkage import decisions, exact
from cm_core.linkage.base import has_rows
from cm_core.linkage.census import given_shares, male_part, surname_shares
from cm_core.settings import Settings

# A middle name may be the given one of a name that was read the wrong way round.
_NEW_NAMES = """
select distinct unnest([first_key, last_key, regexp_replace(upper(middle_name), '[^A-Z]', '', 'g')]) as name
from source_parties
where first_key is not null
except
select first_key from base.first_names
"""
_ADD_NAMES = "insert into base.first_names from first_names_arrow"
_FIRST_NAMES = "create or replace view first_names as from base.first_names"
_PATTERNS = "create or replace table personal_patterns as from patterns_arrow"
#: Whether two lists of keys hold a slip of each other; and one that is no number issued just before or after, as a
#: twin's is: it does not lie in the last two characters (`clusters.contradict` does the same).
_LIKE_IDS = """
create or replace macro like_ids(l, r) as len(list_filter(l, lambda x: length(split_part(x, '|', 2)) >= 6
    and len(list_filter(r, lambda y: damerau_levenshtein(x, y) = 1)) > 0)) > 0;
create or replace macro mistyped_ids(l, r) as len(list_filter(l, lambda x: length(split_part(x, '|', 2)) >= 6
    and len(list_filter(r, lambda y: damerau_levenshtein(x, y) = 1 and left(x, -2) <> left(y, -2))) > 0)) > 0;
"""
_RULES = """
create or replace table rules as
select ?::integer as shared_max, ?::boolean as phone_needs_first_name, ?::boolean as email_needs_first_name
"""
_CENSUS = "create or replace table {table} as from census_arrow"
_NAME_COUNTS = """
create or replace view {column}_counts as
select {column} as name, count(*) as n from {table} where {column} is not null {only} group by {column}
"""
_NAME_TOTALS = """
create or replace view name_totals as
select count(first_name) as first_names, count(last_name) as last_names from {table}
"""
_ONLY = "and {column} in (select {column} from {only})"
_COUNTS = """
select
    (select count(distinct person_id) from base.owned), (select count(distinct component) from base.exact_components),
    (select count(*) from base.records), (select count(*) from base.legal_records),
    (select count(*) from base.shared_contacts), (select count(*) from touched_persons)
"""


@dataclass(frozen=True)
class Records:
    """How many persons there are, and what became of them before the model: components and records to compare.

    `touched`: the persons whose records this run made anew.
    """

    persons: int
    exact_components: int
    human_records: int
    legal_records: int
    shared_contacts: int
    touched: int


def read_facts(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Work `changed_rows` into the facts, contacts and ids that `base` knows; make `dirty_persons`.

    `source_*` hold the changed rows. `finish_facts` comes next, when persons that fall apart have been split.
    """
    identify(con, settings)
    con.execute(sql(__package__, "facts.sql"))
    is_first = not (has_rows(con, "base.holders") or has_rows(con, "base.row_facts"))
    con.execute(sql(__package__, "facts_first.sql" if is_first else "facts_changed.sql"))
    con.execute(sql(__package__, "held_ids.sql"))


def identify(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make `identities` of `source_parties`; `base.first_names` knows their names then. And `rules`, and macros."""
    guards = (settings.shared_contact_max_surnames, settings.phone_needs_first_name, settings.email_needs_first_name)
    con.execute(_RULES, guards)
    con.execute(_LIKE_IDS)
    upsert.define_match_classes(con)
    con.execute(_FIRST_NAMES)
    common = [] if has_rows(con, "base.first_names") else [name for name in given_shares() if is_common_given(name)]
    if new := {name for (name,) in con.execute(_NEW_NAMES).fetchall() if name}.union(common):
        con.register("first_names_arrow", _first_names(sorted(new)))
        con.execute(_ADD_NAMES)
        con.unregister("first_names_arrow")
    con.execute(sql(__package__, "identities.sql"))


def finish_facts(con: duckdb.DuckDBPyConnection) -> None:
    """Make `touched_persons`: those whose records have to be made anew, by rows, keys, ids or decisions."""
    if has_rows(con, "met_ids"):
        measure_ids(con)
    decisions.expect(con)
    exact.touch(con)


def measure_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Measure what each kind of id is worth, with `met_ids`; those whose ids count otherwise become dirty."""
    patterns = [row["pattern"] for row in csv.DictReader(sql(__package__, "identifier_kinds.csv").splitlines())]
    con.register("patterns_arrow", pa.table({"pattern": patterns}))
    con.execute(_PATTERNS)
    con.unregister("patterns_arrow")
    con.execute(sql(__package__, "identifiers.sql"))


def build(con: duckdb.DuckDBPyConnection, *, merge_exact: bool = True) -> Records:
    """Make the records of `touched_persons` anew in `base`; `source_*` and `identities` hold all their rows.

    Also `components`, `new_records`, `new_legal_records` and `touched_components`. Without `merge_exact`, every person
    is a component of its own (`exact.connect`).
    """
    exact.connect(con, merge=merge_exact)
    make(con)
    return Records(*con.execute(_COUNTS).fetchall()[0])


def make(con: duckdb.DuckDBPyConnection) -> None:
    """Make the records of `components` in `base`, in the place of those of `touched_components`."""
    con.execute(sql(__package__, "nodes.sql"))
    con.execute(sql(__package__, "records.sql"))
    con.execute(sql(__package__, "merge_records.sql"))


def _first_names(keys: Iterable[str]) -> pa.Table:
    """Per name: its nickname class, itself with every formal name it may stand for, whether it is a given name that the
    census knows well, and how much likelier (natural log) it is a given name than a surname.
    """
    keys = list(keys)
    formal = NickNamer().canonical_lookup
    return pa.table(
        {
            "first_key": pa.array(keys, pa.string()),
            "name_class": pa.array([first_name_class(key) for key in keys], pa.string()),
            "forms": pa.array(
                [sorted({key, first_name_class(key), *map(str.upper, formal.get(key.lower(), ()))}) for key in keys],
                pa.list_(pa.string()),
            ),
            "is_known": pa.array([is_common_given(key) for key in keys], pa.bool_()),
            "male_part": pa.array([male_part(key) for key in keys], pa.float64()),
            "given_over_surname": pa.array([given_over_surname(key) for key in keys], pa.float64()),
        }
    )


def count_names(con: duckdb.DuckDBPyConnection, *, table: str, only: str | None = None) -> None:
    """Make the term-frequency tables `name_frequencies_first_name` and `name_frequencies_last_name` for `table`.

    With `only`, a table of a few records, they have the names of these alone, as frequent as they are in `table`.
    """
    for name, census in (("census_first", _shares_of(given_shares)), ("census_last", _shares_of(surname_shares))):
        con.register("census_arrow", census)
        con.execute(_CENSUS.format(table=name))
        con.unregister("census_arrow")
    for column in ("first_name", "last_name"):
        names = _ONLY.format(column=column, only=only) if only else ""
        con.execute(_NAME_COUNTS.format(column=column, table=table, only=names))
    con.execute(_NAME_TOTALS.format(table=table))
    con.execute(sql(__package__, "frequencies.sql"))


@cache
def _shares_of(shares: Callable[[], Mapping[str, float]]) -> pa.Table:
    """A table of the census: name and share."""
    found = shares()
    return pa.table({"name": list(found), "share": list(found.values())})
