"""What pymysql's errors mean to us: which say that the database is out of reach, and what the user can do then.

Nothing here opens connections; `database.py` and `server.py` do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from cm_core.errors import DatabaseUnavailable

#: Nobody answers: refused, unknown host, timed out, no socket file.
_UNREACHABLE = frozenset({2002, 2003, 2005})
#: The connection broke while in use: server gone, shut down, killed, timed out.
_LOST = frozenset({0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2012, 2013, 2014, 2055, 4031})
#: The server answers and says no to this user.
_REFUSED = frozenset({1044, 1045, 1049, 1129, 1130, 1251, 1524, 1698, 2054, 2059, 2061, 3118, 3159, 3955})
_FULL = frozenset({1040, 1203, 1226})

#: An InnoDB deadlock, and a lock wait that timed out: the transaction may simply be run again.
DEADLOCK_CODES = frozenset({1205, 1213})
UNKNOWN_DATABASE = 1049


def error_code(error: BaseException) -> int | None:
    """MySQL's error number of a pymysql error, or None if it has none."""
    args = getattr(error, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def as_unavailable(error: BaseException, where: str) -> DatabaseUnavailable | None:
    """`error` as DatabaseUnavailable if it means that the database cannot be used at all, else None.

    `where` is shown to the user (host:port/database); it and the message never hold a password.
    """
    if not isinstance(error, pymysql.err.OperationalError | pymysql.err.InterfaceError | pymysql.err.InternalError):
        return None
    code = error_code(error)
    detail = str(error.args[1]) if len(error.args) > 1 and error.args[1] else type(error).__name__
    if code in _UNREACHABLE:
        return DatabaseUnavailable(
            f"The database at {where} cannot be reached ({detail}). "
            "Start the private one with `cm db start`, or check CM_DATABASE_URL."
        )
    if code in _LOST:
        return DatabaseUnavailable(
            f"The connection to the database at {where} broke ({detail}). "
            "What was not committed is rolled back; run the same command again."
        )
    if code in _REFUSED:
        return DatabaseUnavailable(
            f"The database at {where} refused the login ({detail}). "
            "Check user, password and database name in CM_DATABASE_URL."
        )
    if code in _FULL:
        return DatabaseUnavailable(f"The database at {where} takes no more connections ({detail}). Try again later.")
    return None


@contextmanager
def reported(where: str) -> Iterator[None]:
    """Turn pymysql errors that mean 'the database is out of reach' into DatabaseUnavailable; others pass."""
    try:
        yield
    except pymysql.err.Error as error:
        unavailable = as_unavailable(error, where)
        if unavailable is None:
            raise
        raise unavailable from error
