"""What staging asks the database about what rows say: whether somebody is there. The rest is the apply's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from cm_core.store.database import Database

#: Ids asked about in one query.
_AT_ONCE = 10_000
_PERSONS = "select id from persons where id in %s"


class Known:
    """Asked by several chunks of a file at once, each through a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def persons(self, ids: Sequence[int]) -> list[int]:
        """Those of `ids` that are persons'."""
        found: list[int] = []
        with closing(self._database.connect()) as connection, connection.cursor() as cursor:
            for start in range(0, len(ids), _AT_ONCE):
                cursor.execute(_PERSONS, (tuple(ids[start : start + _AT_ONCE]),))
                found += [int(number) for (number,) in cursor.fetchall()]
        return found
