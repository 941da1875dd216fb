"""Who may write now: named locks, transactions, and running a transaction again after a deadlock.

Named locks are MySQL's GET_LOCK: held by a connection, gone with it, so a killed process leaves none behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pymysql
import tenacity

from cm_core.errors import CmError, DatabaseUnavailable, WriterBusy
from cm_core.store import failures

#: The lock of whoever writes canonical tables: one writer at a time, across processes and machines.
WRITER_LOCK = "cm_writer"
#: The lock under which tables change places with RENAME: MySQL's takes the views over a table too, and two at once with
#: a view in common end in a deadlock. dbt takes it by the same name (macro swap_lock).
SWAP_LOCK = "cm_swap"

_NAME_MAX = 64
_ATTEMPTS = 6

T = TypeVar("T")


@contextmanager
def named_lock(connection: pymysql.connections.Connection[Any], name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold lock `name` of the connection's database, waiting at most `timeout_s` seconds (0: not at all).

    Locks of different databases on one server do not meet. Raises WriterBusy if somebody else keeps it.
    """
    with connection.cursor() as cursor:
        lock = _qualified(cursor, name)
        cursor.execute("select get_lock(%s, %s)", (lock, max(0, round(timeout_s))))
        row = cursor.fetchone()
    if row is None or row[0] != 1:
        raise WriterBusy(
            f"Another process holds the lock {name!r} and did not release it within {timeout_s:g} s. "
            "Wait for it to end (`cm status` shows what runs) and try again."
        )
    try:
        yield
    finally:
        # With the connection the lock is gone too: the error that broke it is the one to show.
        with suppress(DatabaseUnavailable, pymysql.err.Error), connection.cursor() as cursor:
            cursor.execute("select release_lock(%s)", (lock,))
            cursor.fetchall()


def is_held(connection: pymysql.connections.Connection[Any], name: str) -> bool:
    """Whether any connection, this one included, holds lock `name` of the connection's database."""
    with connection.cursor() as cursor:
        cursor.execute("select is_used_lock(%s)", (_qualified(cursor, name),))
        row = cursor.fetchone()
    return row is not None and row[0] is not None


@contextmanager
def transaction(connection: pymysql.connections.Connection[Any]) -> Iterator[pymysql.connections.Connection[Any]]:
    """Everything inside is committed together at the end, or rolled back on any exception."""
    connection.begin()
    try:
        yield connection
    except BaseException:
        # If the connection broke, the server has rolled back already.
        with suppress(DatabaseUnavailable, pymysql.err.Error):
            connection.rollback()
        raise
    connection.commit()


@contextmanager
def looking(connection: pymysql.connections.Connection[Any]) -> Iterator[None]:
    """Everything inside sees the database as it is now, takes no lock and is rolled back; temporary tables go with it.

    For who asks what a write would do. It holds up nobody, and nobody changes the answer half-way.
    """
    with connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute("start transaction with consistent snapshot")
    try:
        yield
    finally:
        with suppress(DatabaseUnavailable, pymysql.err.Error):
            connection.rollback()


def is_deadlock(error: BaseException) -> bool:
    """Whether `error`, or what caused it, is a deadlock (1213) or a lock wait that timed out (1205)."""
    while True:
        if isinstance(error, pymysql.err.Error) and failures.error_code(error) in failures.DEADLOCK_CODES:
            return True
        cause = getattr(error, "orig", None) or error.__cause__
        if cause is None:
            return False
        error = cause


def retry_deadlocks(fn: Callable[..., T]) -> Callable[..., T]:
    """Decorate a function that runs one whole transaction: it is run again after a deadlock or lock timeout.

    Six tries with exponential backoff and jitter, about 6 s in all. The last error is a retryable CmError.
    """
    return tenacity.retry(
        retry=tenacity.retry_if_exception(is_deadlock),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=3),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        retry_error_callback=_give_up,
    )(fn)


def _give_up(state: tenacity.RetryCallState) -> Any:
    error = state.outcome.exception() if state.outcome else None
    busy = WriterBusy(f"The database kept refusing the transaction: other writers hold its rows ({error}). Try again.")
    raise busy from (error if not isinstance(error, CmError) else error.__cause__)


def _qualified(cursor: Any, name: str) -> str:
    """`database.name`, at most 64 characters: lock names are global to a server."""
    cursor.execute("select database()")
    full = f"{cursor.fetchone()[0]}.{name}"
    if len(full) <= _NAME_MAX:
        return full
    return f"{full[:31]}.{hashlib.sha256(full.encode()).hexdigest()[:32]}"
