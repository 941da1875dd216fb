"""Ids of canonical rows, allotted in blocks by the writer instead of by AUTO_INCREMENT.

So a batch knows its ids before it is written, and a rolled-back apply burns none.
"""

from __future__ import annotations

from typing import Any

import pymysql

_READ = "select next_id from id_counters where name = %s for update"
_ADD = "insert ignore into id_counters (name, next_id) values (%s, 1)"
_MOVE = "update id_counters set next_id = next_id + %s where name = %s"


def allot(connection: pymysql.connections.Connection[Any], name: str, count: int) -> int:
    """The first of `count` consecutive ids of counter `name` (a table's name); the first ever is 1.

    Runs in the caller's transaction: others wait for its end, and a rollback gives the ids back.
    """
    if count < 0:
        raise ValueError(f"count is {count}: cannot allot a negative number of ids.")
    with connection.cursor() as cursor:
        cursor.execute(_READ, (name,))
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_ADD, (name,))
            cursor.execute(_READ, (name,))
            row = cursor.fetchone()
        assert row is not None  # just inserted, or by another whose commit we waited for
        if count:
            cursor.execute(_MOVE, (count, name))
    return int(row[0])
