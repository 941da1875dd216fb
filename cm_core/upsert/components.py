"""Connected components over match keys, in DuckDB, in about log2(longest chain) rounds."""

from __future__ import annotations

import duckdb

_START = """
create or replace table joining_keys as
select kind, match_key, row_number() over () as key
from (select kind, match_key from party_keys group by kind, match_key having count(*) > 1);

create or replace table edges as
select p.row_number * 1000 + p.party_no as node, k.key
from party_keys as p
inner join joining_keys as k on p.kind = k.kind and p.match_key = k.match_key;

create or replace table node_labels as
select distinct node, node as label from edges;
"""
# One round: every node takes the lowest label among those it shares a key with, then that label's own label.
_ROUND = """
create or replace table next_labels as
with lowest as (
    select e.key, min(l.label) as label
    from edges as e
    inner join node_labels as l on e.node = l.node
    group by e.key
),
taken as (
    select e.node, min(k.label) as label
    from edges as e
    inner join lowest as k on e.key = k.key
    group by e.node
)
select t.node, least(t.label, u.label) as label
from taken as t
inner join taken as u on t.label = u.node
"""
_CHANGED = """
select count(*)
from next_labels as n
inner join node_labels as l on n.node = l.node
where n.label <> l.label
"""
_FINISH = """
create or replace table labels as
select p.row_number, p.party_no, coalesce(l.label, p.row_number * 1000 + p.party_no) as label
from parties as p
left join node_labels as l on l.node = p.row_number * 1000 + p.party_no
"""


def label_components(con: duckdb.DuckDBPyConnection) -> int:
    """Make `labels(row_number, party_no, label)`: parties joined by `party_keys`, directly or not, share one.

    The label is the first of its parties, as `row_number * 1000 + party_no`. Makes `joining_keys(kind, match_key, key)`
    too, the keys that two parties or more have.

    Returns the number of rounds it took.
    """
    con.execute(_START)
    rounds = 0
    while True:
        rounds += 1
        con.execute(_ROUND)
        changed = con.execute(_CHANGED).fetchall()[0][0]
        con.execute("create or replace table node_labels as from next_labels")
        if changed == 0:
            break
    con.execute(_FINISH)
    return rounds
