"""Connected components of an edge table, in DuckDB, in about log2(longest chain) rounds.

What an edge means is not known here.
"""

from __future__ import annotations

import duckdb

_START = """
create or replace table component_edges as
select id_l as a, id_r as b from {edges}
union
select id_r, id_l from {edges};
create or replace table component_labels as select distinct a as id, a as label from component_edges;
"""
# Every node takes the lowest label among itself and its neighbours, then that label's own label.
_ROUND = """
create or replace table component_next as
with taken as (
    select e.a as id, least(min(n.label), min(o.label)) as label
    from component_edges as e
    inner join component_labels as n on e.b = n.id
    inner join component_labels as o on e.a = o.id
    group by e.a
)
select t.id, least(t.label, u.label) as label
from taken as t
inner join taken as u on t.label = u.id
"""
_CHANGED = (
    "select count(*) from component_next as n inner join component_labels as l using (id) where n.label <> l.label"
)
_FINISH = """
create or replace table components as
select n.id, coalesce(l.label, n.id) as component
from {nodes} as n
left join component_labels as l using (id)
"""


def connect(con: duckdb.DuckDBPyConnection, *, nodes: str, edges: str) -> int:
    """Make `components(id, component)`: nodes joined by `edges(id_l, id_r)` share the lowest id of them all.

    `nodes` is a table with a column `id`. Returns the number of rounds.
    """
    con.execute(_START.format(edges=_quoted(edges)))
    rounds = 0
    while True:
        rounds += 1
        con.execute(_ROUND)
        changed = con.execute(_CHANGED).fetchall()[0][0]
        con.execute("create or replace table component_labels as from component_next")
        if not changed:
            break
    con.execute(_FINISH.format(nodes=_quoted(nodes)))
    return rounds


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'
