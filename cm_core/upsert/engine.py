"""Apply a staged contacts import to the canonical tables: resolve, fold, write, all in one transaction.

Killed at any instant, the tables are as before or as after; run again, it ends in the same state. The rules are in
the `.sql` files beside this module: match keys and guards in `keys.sql`, survivorship in `fold.sql`. `write` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import session, sql
from cm_core.hygiene.names import first_name_class
from cm_core.imports import pipeline, records
from cm_core.imports.records import now
from cm_core.imports.staged import read_staged
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction
from cm_core.upsert.components import label_components
from cm_core.upsert.lookup import fetch_current, find_owners
from cm_core.upsert.write import STAGED, CanonicalWriter

_PACKAGE = "cm_core.upsert"
#: How long to wait for another import's apply before giving up (and being retried).
WRITER_TIMEOUT_S = 1800.0

# A source row of several parties counts as the most that any of them was.
_ROW_OPERATIONS = """
select case rank when 1 then 'inserted' when 2 then 'updated' else 'skipped' end, count(*)
from (
    select row_number, min(rank) as rank
    from (
        select row_number, 1 as rank from assignment where alone
        union all
        select row_number, case operation when 'inserted' then 1 when 'updated' then 2 else 3 end from outcomes
    )
    group by row_number
)
group by rank
"""


@dataclass(frozen=True)
class ApplyResult:
    """What became of the source rows, and how many rows of each table were inserted or updated.

    `inserted + updated + skipped + errors` is the number of rows in the file.
    """

    import_id: str
    inserted: int
    updated: int
    skipped: int
    errors: int
    persons_new: int
    persons_changed: int
    table_counts: dict[str, int] = field(default_factory=dict)


def apply(
    settings: Settings,
    database: Database,
    import_id: str,
    *,
    progress: Callable[[str], None] | None = None,
) -> ApplyResult:
    """Apply the staged rows of import `import_id` and mark it COMPLETE, in one transaction under the writer lock.

    Applying again changes nothing: rows keep the person they were given. `progress` hears of each step.
    """
    tell = progress or (lambda step: None)
    with pipeline.failing(settings, database, import_id):
        with database.connect() as connection:
            records.set_status(connection, import_id, "APPLYING")
            connection.commit()
        with session(settings, memory_limit=settings.import_memory_limit) as con:
            _prepare(settings, con, import_id)

            def attempt() -> ApplyResult:
                with (
                    database.connect() as connection,
                    named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
                    transaction(connection),
                ):
                    return _apply(connection, con, import_id, tell)

            return retry_deadlocks(attempt)()


def _prepare(settings: Settings, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Staged tables, rules and the classes of first names, as DuckDB sees them."""
    read_staged(settings, con, import_id, STAGED)
    con.execute(
        "create or replace table rules "
        "(import_id varchar, shared_max int, phone_needs_first_name boolean, attach_to_one_person boolean)"
    )
    con.execute(
        "insert into rules values (?, ?, ?, ?)",
        [
            import_id,
            settings.shared_contact_max_surnames,
            settings.phone_needs_first_name,
            settings.attach_to_one_person,
        ],
    )


def _classify_first_names(con: duckdb.DuckDBPyConnection) -> None:
    """`first_name_classes(first_key, name_class)` for every first name of the batch and of the owners of its keys."""
    keys = con.sql(
        "select distinct first_key from parties as p semi join party_contacts as c "
        "on p.row_number = c.row_number and p.party_no = c.party_no where first_key <> '' "
        "union select distinct first_key from owners where first_key <> ''"
    ).to_arrow_table()
    names = [str(key) for key in keys.column(0).to_pylist()]
    con.register("classes", pa.table({"first_key": names, "name_class": [first_name_class(name) for name in names]}))
    con.execute("create or replace table first_name_classes as select first_key, name_class from classes")
    con.unregister("classes")


def _apply(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    tell: Callable[[str], None],
) -> ApplyResult:
    tell("looking up keys")
    find_owners(connection, con, import_id)
    tell("resolving")
    con.execute(sql(_PACKAGE, "contacts.sql"))
    _classify_first_names(con)
    con.execute(sql(_PACKAGE, "keys.sql"))
    label_components(con)
    con.execute(sql(_PACKAGE, "resolve.sql"))
    count = con.execute("select count(*) from new_groups").fetchall()[0][0]
    first_id = allot(connection, "persons", count) if count else 0
    con.execute("create or replace table new_ids as select ?::bigint as first_id", [first_id])
    con.execute(sql(_PACKAGE, "assign.sql"))
    fetch_current(connection, con)
    tell("writing")
    writer = CanonicalWriter(connection, con, import_id, now())
    writer.write()
    return _finish(connection, con, import_id, dict(writer.counts))


def _finish(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, counts: dict[str, int]
) -> ApplyResult:
    """Count source rows, log the operations (seed D3, step 4) and mark the import COMPLETE."""
    operations = dict(con.execute(_ROW_OPERATIONS).fetchall())
    inserted, updated, skipped = (operations.get(name, 0) for name in ("inserted", "updated", "skipped"))
    records.audit(connection, import_id, "UPDATE", counts["persons_changed"])
    records.audit(connection, import_id, "INSERT", counts["persons_new"])
    records.complete(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    with connection.cursor() as cursor:
        cursor.execute("select error_count from import_metadata where import_id = %s", (import_id,))
        row = cursor.fetchone()
    errors = int(row[0] or 0) if row else 0
    return ApplyResult(
        import_id, inserted, updated, skipped, errors, counts["persons_new"], counts["persons_changed"], counts
    )
