"""The exact tier: who is one by equal keys or by decision, as connected components of persons.

Only what changes touch is connected anew: persons with changed facts, whoever shares a key with them, and the
components these were in. Two others share no key, or were one before.
"""

from __future__ import annotations

import sys

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
# Components with two persons in them that are different, as somebody decided; and what holds them together, the
# strongest first.
_TORN = """
create or replace table torn as
select distinct l.component
from cannot_link as d
inner join components as l on d.id_l = l.id
inner join components as r on d.id_r = r.id and l.component = r.component
"""
_TORN_EDGES = """
select c.component, e.id_l, e.id_r
from (
    select id_l, id_r, 0 as evidence from must_link
    union all
    select id_l, id_r, evidence from tier1_edges
) as e
inner join components as c on e.id_l = c.id
semi join torn as t on c.component = t.component
order by c.component, e.evidence, least(e.id_l, e.id_r), greatest(e.id_l, e.id_r)
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
    edges = [Edge(left, right, 1.0) for _, left, right in con.execute(_TORN_EDGES).fetchall()]
    if not edges:
        return
    refused = refuse(edges, {}, different, Limits(most=sys.maxsize))
    graph = networkx.Graph(edge.pair for edge in edges if edge.pair not in refused)
    graph.add_nodes_from(node for (node,) in con.execute(_TORN_NODES).fetchall())
    parts = [(node, min(part)) for part in networkx.connected_components(graph) for node in part]
    labels = pa.table({"id": [node for node, _ in parts], "part": [label for _, label in parts]})
    con.register("parts_arrow", labels)
    con.execute(_PARTED)
    con.unregister("parts_arrow")


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(_COUNT.format(table=table)).fetchall()[0][0])
