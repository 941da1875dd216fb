"""How persons who share keys are taken apart when some of them are different."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cm_core.linkage import base, exact

_ID = st.integers(1, 8)
_CARRIERS = st.sets(_ID, min_size=2, max_size=5).map(sorted)


def parts(*keys: tuple[int, list[int]], different: set[tuple[int, int]]) -> set[frozenset[int]]:
    nodes = sorted({person for _, persons in keys for person in persons})
    found = exact.part_by_keys(nodes, keys, different)
    return {frozenset(node for node in nodes if found[node] == label) for label in set(found.values())}


@pytest.mark.parametrize(
    ("keys", "different", "expected"),
    [
        # 2 and 3 still share the phone
        ([(2, [1, 2, 3])], {(1, 2), (1, 3)}, [{1}, {2, 3}]),
        ([(2, [1, 2, 3, 4, 5])], {(1, 3), (1, 4), (3, 4)}, [{1, 2, 5}, {3}, {4}]),
        # the weaker key is cut
        ([(1, [1, 2]), (2, [2, 3])], {(1, 3)}, [{1, 2}, {3}]),
        ([(3, [1, 2]), (1, [2, 3])], {(1, 3)}, [{1}, {2, 3}]),
        # the cut-off of a strong key come before what a weak one says
        ([(1, [1, 2, 3]), (3, [1, 4]), (3, [3, 4])], {(1, 2), (1, 3), (2, 4)}, [{1, 4}, {2, 3}]),
    ],
)
def test_those_who_may_be_one_stay_together(
    keys: list[tuple[int, list[int]]], different: set[tuple[int, int]], expected: list[set[int]]
) -> None:
    assert parts(*keys, different=different) == {frozenset(part) for part in expected}


@settings(max_examples=100, deadline=None)
@given(
    keys=st.lists(
        st.tuples(st.integers(1, 3), st.sets(_ID, min_size=2, max_size=5).map(sorted)), min_size=1, max_size=6
    ),
    pairs=st.sets(st.tuples(_ID, _ID).filter(lambda pair: pair[0] < pair[1]), max_size=5),
)
def test_nobody_is_with_who_is_different_and_no_two_parts_with_a_common_key_could_be_one(
    keys: list[tuple[int, list[int]]], pairs: set[tuple[int, int]]
) -> None:
    found = parts(*keys, different=pairs)
    assert not [part for part in found for one, other in pairs if {one, other} <= part]
    for one in found:
        for other in found - {one}:
            share = any(one & set(persons) and other & set(persons) for _, persons in keys)
            assert not share or any({a, b} <= one | other for a, b in pairs)


def test_a_component_is_torn_by_the_keys_of_its_persons() -> None:
    con = duckdb.connect()
    base.begin(con)
    con.execute("create table touched_persons as select range as person_id from range(1, 6)")
    con.execute("insert into base.owned select person_id, person_id from touched_persons")
    con.execute(
        "insert into base.row_facts select person_id, person_id, 'phone', 7, case when person_id < 4 then 7 else 9 end "
        "from touched_persons"
    )
    con.execute("create table must_link (id_l bigint, id_r bigint)")
    con.execute("create table cannot_link as select * from (values (1, 2), (1, 3)) as v (id_l, id_r)")
    exact.connect(con)
    found = con.execute("select id, component from components order by id").fetchall()
    assert found == [(1, 1), (2, 2), (3, 2), (4, 4), (5, 4)]
