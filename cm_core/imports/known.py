"""What staging asks the database about what rows say: who is there, and who was deleted. The rest is the apply's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing

from cm_core.imports.forgotten import Forgotten, forgotten
from cm_core.settings import Settings
from cm_core.store.database import Database

#: Ids asked about in one query.
_AT_ONCE = 10_000
_PERSONS = "select id from persons where id in %s"


class Known:
    """Asked by several chunks of a file at once, each through a connection of its own."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._mutex = threading.Lock()
        self._forgotten: list[Forgotten | None] = []

    def persons(self, ids: Sequence[int]) -> list[int]:
        """Those of `ids` that are persons'."""
        found: list[int] = []
        with closing(self._database.connect()) as connection, connection.cursor() as cursor:
            for start in range(0, len(ids), _AT_ONCE):
                cursor.execute(_PERSONS, (tuple(ids[start : start + _AT_ONCE]),))
                found += [int(number) for (number,) in cursor.fetchall()]
        return found

    def forgotten(self) -> Forgotten | None:
        """Who had their data deleted when it was first asked; None if nobody had."""
        with self._mutex:
            if not self._forgotten:
                self._forgotten.append(forgotten(self._settings, self._database))
            return self._forgotten[0]
