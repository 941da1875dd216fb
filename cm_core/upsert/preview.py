"""What applying a staged contacts import would do, by the same steps and without writing.

Keys are looked up, resolved and folded as `engine.apply` does it, in a transaction that sees one moment of the
database, takes no lock and is rolled back. Ids of new persons are the ones that would be next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from cm_core.compute import session
from cm_core.imports.inspection import Foreseen
from cm_core.imports.records import now
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import looking
from cm_core.upsert.lookup import TablesKnown
from cm_core.upsert.resolving import prepare, resolve, row_operations
from cm_core.upsert.write import CanonicalWriter

_NEXT_PERSON = "select next_id from id_counters where name = 'persons'"
_KEYS = "select match_key, count(*) from assignment group by match_key order by match_key"


def preview(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows of `import_id` would be inserted, updated and skipped, and which keys find their persons.

    `settings` say where the staged rows are. The numbers are those that `engine.apply` would report now.
    """
    with (
        session(settings, memory_limit=settings.import_memory_limit) as con,
        closing(database.connect()) as connection,
        looking(connection),
    ):
        prepare(settings, database, con, import_id)
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_PERSON)
            row = cursor.fetchone()
        first_id = int(row[0]) if row else 1
        resolve(TablesKnown(connection), con, import_id, lambda count: first_id)
        CanonicalWriter(_NoSink(), con, import_id, now()).write()
        inserted, updated, skipped = row_operations(con)
        keys = {str(key): int(count) for key, count in con.execute(_KEYS).fetchall()}
    return Foreseen(inserted, updated, skipped, keys)


class _NoSink:
    """A sink that nothing is written to: what becomes of the source rows is decided before it is asked."""

    def next_id(self, table: str) -> int:
        return 1

    def insert(
        self, query: str, table: str, columns: Sequence[str], *, params: Sequence[object], constants: Mapping[str, Any]
    ) -> int:
        return 0

    def update(self, table: str, folded: str, columns: Sequence[str], *, constants: Mapping[str, Any]) -> int:
        return 0

    def relate(self, query: str, *, constants: Mapping[str, Any]) -> int:
        return 0

    def share(self, query: str, *, constants: Mapping[str, Any]) -> None:
        return None
