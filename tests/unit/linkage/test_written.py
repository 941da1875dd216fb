"""What the standing of a person depends on: where any of it changes, MySQL is written anew."""

from __future__ import annotations

import duckdb
import pytest

from cm_core.compute import sql
from cm_core.linkage import base, decisions

#: Persons 1 and 2 hold the contact 7, 1 by two rows; nothing links them.
BEFORE = """
insert into base.imports values (1, 'imp_2026_01_01_001', 'a');
insert into base.owned select (1::bigint << 40) + row_no, person_id
from (values (1, 1), (2, 1), (3, 2)) as v (row_no, person_id);
insert into base.holders select row_id, person_id, 'phone', 7, 'N', false, 'LEE', null from base.owned;
create table exact_components as select distinct person_id as id, person_id as component from base.owned;
create table clusters as select id as person_id, component as cluster from exact_components;
create table evidence as select id_l, id_r, match_probability, tier, score, reason from base.evidence;
"""


def signatures(con: duckdb.DuckDBPyConnection) -> dict[int, int]:
    con.execute(sql("cm_core.linkage", "written_standings.sql"))
    return dict(con.execute("select person_id, signature from standings").fetchall())


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ("insert into base.shared_contacts values ('phone', 7, 9)", {1, 2}),
        ("insert into base.shared_contacts values ('phone', 8, 9)", set()),
        ("insert into base.person_identifiers values (1, 'voter', 'voter|1234', true)", {1}),
        ("insert into base.owned values ((1::bigint << 40) + 4, 2)", {2}),
        ("insert into golden_choices values (2, '2026-01-01')", {2}),
        ("insert into evidence values (1, 2, 0.99, 1, 60, 'same phone')", {1, 2}),
    ],
)
def test_a_change_shows_in_the_signature_of_whom_it_concerns(change: str, concerned: set[int]) -> None:
    con = duckdb.connect()
    base.begin(con)
    decisions.expect(con)
    con.execute(BEFORE)
    before = signatures(con)
    con.execute(change)
    after = signatures(con)
    assert {person for person in before if before[person] != after[person]} == concerned
