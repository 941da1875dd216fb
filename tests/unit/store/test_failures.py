"""Which of pymysql's errors mean that the database is out of reach."""

from __future__ import annotations

import pymysql
import pytest

from cm_core.errors import DatabaseUnavailable
from cm_core.store.failures import as_unavailable, reported
from cm_core.store.locks import is_deadlock


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (pymysql.err.OperationalError(2003, "refused"), "cannot be reached"),
        (pymysql.err.OperationalError(2013, "Lost connection"), "broke"),
        (pymysql.err.InterfaceError(0, ""), "broke"),
        (pymysql.err.OperationalError(1045, "Access denied"), "refused the login"),
        (pymysql.err.OperationalError(1040, "Too many connections"), "no more connections"),
    ],
)
def test_out_of_reach_says_where_and_what_to_do(error: pymysql.err.Error, says: str) -> None:
    with (
        pytest.raises(DatabaseUnavailable, match=rf"db\.example:3306/cm .*{says}|{says}.*db\.example"),
        reported("db.example:3306/cm"),
    ):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        pymysql.err.ProgrammingError(1146, "no such table"),
        pymysql.err.OperationalError(1213, "Deadlock"),
        pymysql.err.IntegrityError(1062, "Duplicate"),
        ValueError("x"),
    ],
)
def test_other_errors_are_left_alone(error: Exception) -> None:
    assert as_unavailable(error, "x") is None


def test_a_deadlock_is_found_behind_the_error_it_caused() -> None:
    error = RuntimeError("apply failed")
    error.__cause__ = pymysql.err.OperationalError(1205, "Lock wait timeout")
    assert is_deadlock(error)
    assert not is_deadlock(RuntimeError())
