"""Which statements `cm sql` hands to the server: those that read, whatever stands before their first word."""

from __future__ import annotations

import pytest

from cm_core.cli.query import only_reads


@pytest.mark.parametrize(
    "statement",
    [
        "select 1", "  SELECT 1", "(select 1) union (select 2)", "select(1)", "select/**/1",
        "-- note\nselect 1", "--\nselect 1", "# note\nselect 1",
        "/* a\nnote; */ select 1", "with a as (select 1) select * from a", "show tables", "desc persons",
        "describe persons", "explain select 1", "table persons", "values (1)",
    ],
)  # fmt: skip
def test_what_reads_is_taken(statement: str) -> None:
    assert only_reads(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "", "  ", "-- select 1", "selec 1", "selects", "delete from persons", "set @x = 1", "call p()", "do f()",
        "set statement tx_read_only=0 for drop table persons", "begin not atomic delete from persons; commit; end",
        "start transaction read write", "commit", "/*! set session transaction read write */", "kill 5",
        "/*M! set statement tx_read_only=0 for */ select 1", "/*!50000 drop table persons */", "analyze table persons",
        "--\ndrop table persons\nselect 1", "--drop table persons\nselect 1", "# note\rselect 1",
        "/* a */ drop table persons /* */ select 1", "/* /* */ drop table persons /* */ select 1",
    ],
)  # fmt: skip
def test_what_may_do_anything_else_is_not(statement: str) -> None:
    assert not only_reads(statement)
