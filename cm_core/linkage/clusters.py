"""From edges to clusters, without over-merging: exact-tier components joined by linked pairs, strongest pair first.

A pair is refused when the two clusters it would join contain people who cannot be one: two generations, birthdays that
are no slip of each other, given names that clash. Exact-tier components are never taken apart here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher

import duckdb

from cm_core.linkage import components

#: Given names less alike than this (difflib's ratio) are no slip of each other.
_LIKE = 0.6
# Only clusters that could hold a conflict need the slow, careful way: more than two components, or two that differ.
_EDGES = """
create or replace table cluster_edges as
select id_l, id_r from evidence
"""
_NODES = "create or replace table cluster_nodes as select distinct component as id from exact_components"
_KEEP = "create or replace table {table} as from components"
_GROUPS = """
with groups as (
    select component, count(*) as size
    from loose_clusters
    group by component
    having count(*) > 2
)
select c.component, e.id_l, e.id_r
from evidence as e
inner join loose_clusters as c on e.id_l = c.id
inner join groups as g on c.component = g.component
left join records as l on e.id_l = l.unique_id
left join records as r on e.id_r = r.unique_id
where l.unique_id is not null
order by
    c.component, e.match_probability desc, e.score desc,
    least(concat_ws('|', l.first_name, l.last_name, l.zip), concat_ws('|', r.first_name, r.last_name, r.zip)),
    greatest(concat_ws('|', l.first_name, l.last_name, l.zip), concat_ws('|', r.first_name, r.last_name, r.zip)),
    e.id_l, e.id_r
"""
_FACTS = """
select r.unique_id, r.first_name, r.name_forms, r.name_is_known, r.name_class, r.generation, r.dob
from records as r
where r.unique_id in (
    select id from loose_clusters where component in (
        select component from loose_clusters group by component having count(*) > 2
    )
)
"""
_REFUSED = "create or replace table refused_edges (id_l bigint, id_r bigint)"
_FINAL_EDGES = """
create or replace table final_edges as
select e.id_l, e.id_r
from evidence as e
anti join refused_edges as r on e.id_l = r.id_l and e.id_r = r.id_r
"""
_CLUSTERS = """
create or replace table clusters as
select x.id as person_id, c.component as cluster
from exact_components as x
inner join components as c on x.component = c.id
"""
_SIZES = """
select size, count(*) as clusters
from (select count(*) as size from clusters group by cluster)
group by size
order by size
"""


@dataclass(frozen=True)
class Person:
    """What can contradict in one record."""

    first_name: str | None
    forms: frozenset[str]
    known: bool
    name_class: str | None
    generation: str | None
    born: date | None


@dataclass(frozen=True)
class Clustering:
    """How many clusters of each size (in persons) there are, and how many linked pairs were refused."""

    clusters: int
    refused: int
    sizes: dict[int, int] = field(default_factory=dict)


def cluster(con: duckdb.DuckDBPyConnection) -> Clustering:
    """Make `clusters(person_id, cluster)` from `exact_components(id, component)`, `evidence` and `records`."""
    con.execute(_NODES)
    con.execute(_EDGES)
    components.connect(con, nodes="cluster_nodes", edges="cluster_edges")
    con.execute(_KEEP.format(table="loose_clusters"))
    refused = _refusals(con)
    con.execute(_REFUSED)
    if refused:
        con.executemany("insert into refused_edges values (?, ?)", refused)
    con.execute(_FINAL_EDGES)
    components.connect(con, nodes="cluster_nodes", edges="final_edges")
    con.execute(_CLUSTERS)
    sizes = {int(size): int(count) for size, count in con.execute(_SIZES).fetchall()}
    return Clustering(sum(sizes.values()), len(refused), sizes)


def contradict(one: Person, other: Person) -> bool:
    """Whether two records cannot be one human: generations differ, birthdays differ in two parts, given names clash."""
    if one.generation and other.generation and one.generation != other.generation:
        return True
    if one.born and other.born:
        parts = zip(one.born.timetuple()[:3], other.born.timetuple()[:3], strict=True)
        if sum(a == b for a, b in parts) < 2:
            return True
    if not (one.first_name and other.first_name):
        return False
    if one.name_class == other.name_class or one.first_name in other.forms or other.first_name in one.forms:
        return False
    if min(len(one.first_name), len(other.first_name)) == 1:
        return one.first_name[0] != other.first_name[0]
    if one.known and other.known:
        return True
    return SequenceMatcher(None, one.first_name, other.first_name).ratio() < _LIKE


def _refusals(con: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Pairs to leave out, so that no cluster contains a contradiction that only linked pairs brought together."""
    edges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for group, left, right in con.execute(_GROUPS).fetchall():
        edges[group].append((left, right))
    people = {
        row[0]: Person(row[1], frozenset(row[2]), row[3], row[4], row[5], row[6])
        for row in con.execute(_FACTS).fetchall()
    }
    return [pair for group in edges.values() for pair in _refuse(group, people)]


def _refuse(edges: list[tuple[int, int]], people: dict[int, Person]) -> list[tuple[int, int]]:
    members: dict[int, list[int]] = {}
    refused = []
    for left, right in edges:
        one, other = members.setdefault(left, [left]), members.setdefault(right, [right])
        if one is other:
            continue
        if any(contradict(people[a], people[b]) for a in one for b in other):
            refused.append((left, right))
            continue
        one.extend(other)
        for node in other:
            members[node] = one
    # A pair refused early may lie inside a cluster that others built: then it does no harm and is kept.
    return [pair for pair in refused if members[pair[0]] is not members[pair[1]]]
