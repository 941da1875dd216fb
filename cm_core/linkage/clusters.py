"""From edges to clusters, without over-merging: exact-tier components joined by linked pairs, strongest pair first.

A pair is refused when the two clusters it would join

    decided        hold two persons of whom somebody decided that they are different
    contradiction  hold people who are not linked themselves and cannot be one: two generations, birthdays that are no
                   slip of each other, given names that clash
    too_large      would make a cluster of more components than a person is likely to have
    weak_bridge    hang together by this pair alone, each of several components, and the pair is none of the surest

What is refused goes to review (`review`). Exact-tier components are never taken apart here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher
from typing import Any

import duckdb
import networkx

from cm_core.linkage import components, decisions
from cm_core.settings import Settings

#: Given names less alike than this (difflib's ratio) are no slip of each other.
_LIKE = 0.6
#: A number of at least this length that is as like another as this is a slip of it.
_NUMBER, _SLIP = 6, 0.85
_FORBIDDEN = """
create or replace table forbidden as
select distinct least(l.component, r.component) as id_l, greatest(l.component, r.component) as id_r
from cannot_link as d
inner join exact_components as l on d.id_l = l.id
inner join exact_components as r on d.id_r = r.id
where l.component <> r.component
"""
_OBEY = """
delete from evidence as e
where exists (
    select 1 from forbidden as f where least(e.id_l, e.id_r) = f.id_l and greatest(e.id_l, e.id_r) = f.id_r
)
"""
_EDGES = """
create or replace table cluster_edges as
select id_l, id_r from evidence
"""
# Most components are linked to none: they are clusters as they are.
_NODES = "create or replace table cluster_nodes as select id_l as id from evidence union select id_r from evidence"
_KEEP = "create or replace table {table} as from components"
# Only clusters that could hold a conflict need the slow, careful way: more than two components.
_LARGE = """
create or replace table large_clusters as
select component from loose_clusters group by component having count(*) > 2
"""
_GROUPS = """
select c.component, e.id_l, e.id_r, e.match_probability
from evidence as e
inner join loose_clusters as c on e.id_l = c.id
semi join large_clusters as g on c.component = g.component
left join records as l on e.id_l = l.unique_id
left join records as r on e.id_r = r.unique_id
order by
    c.component, e.match_probability desc, e.score desc,
    least(concat_ws('|', l.first_name, l.last_name, l.zip), concat_ws('|', r.first_name, r.last_name, r.zip)),
    greatest(concat_ws('|', l.first_name, l.last_name, l.zip), concat_ws('|', r.first_name, r.last_name, r.zip)),
    e.id_l, e.id_r
"""
_FACTS = """
select r.unique_id, r.first_name, r.name_forms, r.name_is_known, r.name_class, r.generation, r.dob, r.last_name,
    r.personal_ids
from records as r
where r.unique_id in (select id from loose_clusters semi join large_clusters using (component))
"""
_REFUSED = "create or replace table refused_edges (id_l bigint, id_r bigint, cause varchar)"
_FINAL_EDGES = """
create or replace table final_edges as
select e.id_l, e.id_r
from evidence as e
anti join refused_edges as r on e.id_l = r.id_l and e.id_r = r.id_r
"""
_CLUSTERS = """
create or replace table clusters as
select x.id as person_id, coalesce(c.component, x.component) as cluster
from exact_components as x
left join components as c on x.component = c.id
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
    last_name: str | None = None
    #: Numbers issued to one person (`identifiers.sql`).
    personal_ids: frozenset[str] = frozenset()

    @staticmethod
    def of(row: Sequence[Any]) -> Person:
        """A row of `records`: these columns, in this order."""
        first_name, forms, known, name_class, generation, born, last_name, personal_ids = row
        ids = frozenset(personal_ids)
        return Person(first_name, frozenset(forms), known, name_class, generation, born, last_name, ids)


@dataclass(frozen=True)
class Edge:
    """A linked pair of components, and how sure it is."""

    left: int
    right: int
    probability: float

    @property
    def pair(self) -> tuple[int, int]:
        """The two, as they stand in `evidence`."""
        return self.left, self.right


@dataclass(frozen=True)
class Limits:
    """When a cluster is too large (in components), and below which probability a bridge is weak."""

    most: int = 50
    weak: float = 0.99

    @staticmethod
    def of(settings: Settings) -> Limits:
        """Those of the settings."""
        return Limits(settings.max_cluster_size, settings.bridge_threshold)


@dataclass(frozen=True)
class Clustering:
    """How many clusters of each size (in persons) there are, and how many linked pairs were refused, by cause."""

    clusters: int
    refused: int
    sizes: dict[int, int] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)


def cluster(con: duckdb.DuckDBPyConnection, limits: Limits = Limits()) -> Clustering:
    """Make `clusters(person_id, cluster)` from `exact_components(id, component)`, `evidence` and `records`.

    Also `refused_edges(id_l, id_r, cause)` and `forbidden(id_l, id_r)`: pairs of components that `cannot_link` parts,
    which lose their evidence.
    """
    decisions.expect(con)
    con.execute(_FORBIDDEN)
    con.execute(_OBEY)
    con.execute(_NODES)
    con.execute(_EDGES)
    components.connect(con, nodes="cluster_nodes", edges="cluster_edges")
    con.execute(_KEEP.format(table="loose_clusters"))
    con.execute(_LARGE)
    refused = _refusals(con, limits)
    con.execute(_REFUSED)
    if refused:
        con.executemany("insert into refused_edges values (?, ?, ?)", [(*pair, why) for pair, why in refused.items()])
    con.execute(_FINAL_EDGES)
    components.connect(con, nodes="cluster_nodes", edges="final_edges")
    con.execute(_CLUSTERS)
    sizes = {int(size): int(count) for size, count in con.execute(_SIZES).fetchall()}
    return Clustering(sum(sizes.values()), len(refused), sizes, dict(Counter(refused.values())))


def contradict(one: Person, other: Person) -> bool:
    """Whether two records cannot be one human: generations differ, birthdays differ in two parts, given names clash.

    Of two that have a number in common that is issued to one person, or a birthday and a slip of such a number, only
    the generation can still contradict; and two given names that are known, where the slip may as well be the number
    that was issued next (twins).
    """
    if one.generation and other.generation and one.generation != other.generation:
        return True
    if one.personal_ids & other.personal_ids or (one.born and one.born == other.born and _are_slips(one, other)):
        return False
    if one.born and other.born:
        parts = zip(one.born.timetuple()[:3], other.born.timetuple()[:3], strict=True)
        if sum(a == b for a, b in parts) < 2:
            return True
    if not (one.first_name and other.first_name):
        return False
    if one.name_class == other.name_class or one.first_name in other.forms or other.first_name in one.forms:
        return False
    if (one.first_name, one.last_name) == (other.last_name, other.first_name):
        return False  # the same name, turned round
    if min(len(one.first_name), len(other.first_name)) == 1:
        return one.first_name[0] != other.first_name[0]
    if one.known and other.known:
        return True
    return SequenceMatcher(None, one.first_name, other.first_name).ratio() < _LIKE


def _are_slips(one: Person, other: Person) -> bool:
    """Whether a number of the one is a slip of one of the other's: about one character in seven.

    With two given names that are known, not if only the last two characters differ.
    """
    pairs = ((a.split("|"), b.split("|")) for a in one.personal_ids for b in other.personal_ids)
    return any(
        kind == other_kind
        and len(number) >= _NUMBER
        and SequenceMatcher(None, number, like).ratio() >= _SLIP
        and (number[:-2] != like[:-2] or not (one.known and other.known))
        for (kind, number), (other_kind, like) in pairs
    )


def refuse(
    edges: Sequence[Edge],
    people: Mapping[int, Person],
    forbidden: Collection[tuple[int, int]] = (),
    limits: Limits = Limits(),
) -> dict[tuple[int, int], str]:
    """Which of a group's edges, given the surest first, must not join clusters, and why.

    `forbidden` holds pairs of components, the lower id first.
    """
    members: dict[int, list[int]] = {}
    linked = {(min(edge.pair), max(edge.pair)) for edge in edges}
    refused: dict[tuple[int, int], str] = {}
    for edge in edges:
        one, other = members.setdefault(edge.left, [edge.left]), members.setdefault(edge.right, [edge.right])
        if one is other:
            continue
        pairs = {(min(a, b), max(a, b)) for a in one for b in other}
        if any(pair in forbidden for pair in pairs):
            refused[edge.pair] = "decided"
        elif any(a in people and b in people and contradict(people[a], people[b]) for a, b in pairs - linked):
            refused[edge.pair] = "contradiction"
        elif len(one) + len(other) > limits.most:
            refused[edge.pair] = "too_large"
        else:
            one.extend(other)
            for node in other:
                members[node] = one
    # A pair refused early may lie inside a cluster that others built: then it does no harm and is kept.
    refused = {(a, b): why for (a, b), why in refused.items() if members[a] is not members[b]}
    return refused | _weak_bridges([edge for edge in edges if edge.pair not in refused], limits)


def _weak_bridges(edges: Sequence[Edge], limits: Limits) -> dict[tuple[int, int], str]:
    """Pairs less sure than `limits.weak` that alone join two parts of two components or more; the weakest first."""
    if len(edges) < 3 or all(edge.probability >= limits.weak for edge in edges):
        return {}
    graph = networkx.Graph()
    graph.add_edges_from(edge.pair for edge in edges)
    bridges = {(min(pair), max(pair)) for pair in networkx.bridges(graph)}
    found: dict[tuple[int, int], str] = {}
    for edge in reversed(edges):
        if edge.probability >= limits.weak or (min(edge.pair), max(edge.pair)) not in bridges:
            continue
        graph.remove_edge(*edge.pair)
        if all(len(networkx.node_connected_component(graph, node)) > 1 for node in edge.pair):
            found[edge.pair] = "weak_bridge"
        else:
            graph.add_edge(*edge.pair)
    return found


def _refusals(con: duckdb.DuckDBPyConnection, limits: Limits) -> dict[tuple[int, int], str]:
    """Pairs to leave out, so that no cluster contains what only linked pairs brought together and should not be."""
    edges: dict[int, list[Edge]] = defaultdict(list)
    for group, left, right, probability in con.execute(_GROUPS).fetchall():
        edges[group].append(Edge(left, right, 1.0 if probability is None else probability))
    people = {row[0]: Person.of(row[1:]) for row in con.execute(_FACTS).fetchall()}
    forbidden = {(left, right) for left, right in con.execute("select id_l, id_r from forbidden").fetchall()}
    refused: dict[tuple[int, int], str] = {}
    for group_edges in edges.values():
        refused |= refuse(group_edges, people, forbidden, limits)
    return refused
