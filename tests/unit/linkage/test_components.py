"""Connected components in SQL agree with union-find."""

from __future__ import annotations

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from cm_core.linkage import components

_ID = st.integers(1, 30)


@settings(max_examples=25, deadline=None)
@given(edges=st.lists(st.tuples(_ID, _ID), max_size=40))
def test_every_node_gets_the_lowest_id_of_its_component(edges: list[tuple[int, int]]) -> None:
    con = duckdb.connect()
    con.execute("create table nodes as select range as id from range(1, 31)")
    con.execute("create table edges (id_l bigint, id_r bigint)")
    if edges:
        con.executemany("insert into edges values (?, ?)", edges)
    components.connect(con, nodes="nodes", edges="edges")
    found = dict(con.execute("select id, component from components").fetchall())

    lowest = {node: node for node in range(1, 31)}
    for _ in range(31):
        for left, right in edges:
            lowest[left] = lowest[right] = min(lowest[left], lowest[right])
    assert found == lowest


def test_a_long_chain_takes_few_rounds() -> None:
    con = duckdb.connect()
    con.execute("create table nodes as select range as id from range(1, 2001)")
    con.execute("create table edges as select range as id_l, range + 1 as id_r from range(1, 2000)")
    assert components.connect(con, nodes="nodes", edges="edges") < 40
    assert con.execute("select distinct component from components").fetchall() == [(1,)]
