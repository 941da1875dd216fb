"""The exact tier: who is one by equal keys or by decision, as connected components of persons.

Only what changes touch is connected anew: persons with changed facts, whoever shares a key with them, and the
components these were in. Two others share no key, or were one before.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import duckdb
import networkx
import pyarrow as pa

from cm_core.compute import sql
from cm_core.linkage import components
from cm_core.linkage.base import has_rows
from cm_core.linkage.clusters import Edge, Limits, refuse

_EVERYBODY = "create or replace table touched_persons as select distinct person_id from base.owned"
_COUNT = "select count(*) from {table}"
_TAKE = "create or replace table touched_persons as from touched_more"
_EDGES = """
create or replace view exact_edges as
select id_l, id_r from tier1_edges
union all
select id_l, id_r from must_link
where id_l in (select person_id from touched_persons)
"""
_APART = "create or replace table components as select id, id as component from person_nodes"
# Components with two persons in them that are different, as somebody decided; and the keys that hold them together.
_TORN = """
create or replace table torn as
select distinct l.component
from cannot_link as d
inner join components as l on d.id_l = l.id
inner join components as r on d.id_r = r.id and l.component = r.component
"""
_TORN_KEYS = """
select evidence, code, list(distinct person_id order by person_id) as persons
from (
    select 0 as evidence, hash(id_l, id_r) as code, unnest([id_l, id_r]) as person_id from must_link
    union all
    select evidence, code, person_id from keyed
)
where person_id in (select id from components semi join torn using (component))
group by evidence, code
having count(distinct person_id) > 1
order by evidence, code
"""
_TORN_NODES = "select id from components semi join torn using (component)"
_PARTED = "update components set component = p.part from parts_arrow as p where components.id = p.id"


def touch(con: duckdb.DuckDBPyConnection) -> None:
    """Make `touched_persons` of `dirty_persons` and the decisions: all that may be of another component than before."""
    first = not has_rows(con, "base.exact_components")
    con.execute(sql(__package__, "touched_first.sql"))
    if first:
        con.execute(_EVERYBODY)
        return
    grew = True
    while grew:
        con.execute(sql(__package__, "touched_more.sql"))
        grew = _count(con, "touched_more") > _count(con, "touched_persons")
        con.execute(_TAKE)


def connect(con: duckdb.DuckDBPyConnection, *, merge: bool = True) -> None:
    """Make `components(id, component)` of `touched_persons`, and `touched_components`: those they were of before.

    Without `merge`, every person is one of its own: what the model is trained on, so that it sees what the same phone
    or e-mail is worth.
    """
    con.execute(sql(__package__, "exact.sql"))
    if not merge:
        con.execute(_APART)
        return
    con.execute(_EDGES)
    components.connect(con, nodes="person_nodes", edges="exact_edges")
    _tear(con)


def _tear(con: duckdb.DuckDBPyConnection) -> None:
    """Take apart the components that hold two persons who are different: along their weakest keys."""
    con.execute(_TORN)
    different = {(left, right) for left, right in con.execute("select id_l, id_r from cannot_link").fetchall()}
    keys = [(evidence, persons) for evidence, _, persons in con.execute(_TORN_KEYS).fetchall()]
    if not keys:
        return
    nodes = [node for (node,) in con.execute(_TORN_NODES).fetchall()]
    part = part_by_keys(nodes, keys, different)
    labels = pa.table({"id": list(part), "part": list(part.values())})
    con.register("parts_arrow", labels)
    con.execute(_PARTED)
    con.unregister("parts_arrow")


def part_by_keys(
    nodes: Sequence[int], keys: Sequence[tuple[int, Sequence[int]]], different: Collection[tuple[int, int]]
) -> dict[int, int]:
    """The lowest person of the part that each of `nodes` is in, when nobody who is different is in one part.

    `keys`: how strong each key is (the lowest first) and who has it, in order. Its carriers hang on the first of them;
    those whom that one may not be with, on the first among themselves.
    """
    edges: dict[tuple[int, int], int] = {}
    part = dict.fromkeys(nodes, 0)
    while True:
        before = len(edges)
        for evidence, persons in keys:
            rest = list(persons)
            while rest:
                hub = rest[0]
                for other in rest[1:]:
                    edges[hub, other] = min(evidence, edges.get((hub, other), evidence))
                rest = [other for other in rest if part[other] != part[hub]]
        if len(edges) == before:
            return part
        ordered = sorted(edges, key=lambda pair: (edges[pair], pair))
        refused = refuse([Edge(*pair, 1.0) for pair in ordered], {}, different, Limits(most=sys.maxsize))
        graph = networkx.Graph(pair for pair in ordered if pair not in refused)
        graph.add_nodes_from(nodes)
        part = {node: min(members) for members in networkx.connected_components(graph) for node in members}


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(_COUNT.format(table=table)).fetchall()[0][0])
