"""Apply staged contacts imports to the canonical tables: resolve, fold, write.

Killed at any instant, the tables are as before or as after; run again, it ends in the same state. A batch that is
small beside what is known is written in one transaction here; one that outweighs it goes by `bulk`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import duckdb
from pymysql.connections import Connection

from cm_core.compute import session
from cm_core.errors import CmError
from cm_core.imports import pipeline, records
from cm_core.imports.records import now
from cm_core.imports.replay_log import Mode, Replay, open_replay
from cm_core.settings import Settings
from cm_core.store import changes, shadow
from cm_core.store.bulk import Loads
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction
from cm_core.upsert import bulk
from cm_core.upsert.forgotten import empty_rows
from cm_core.upsert.lookup import TablesKnown
from cm_core.upsert.marked import mark
from cm_core.upsert.resolving import ApplyResult, prepare, require_all_changed, resolve, row_operations
from cm_core.upsert.sinks import TableSink
from cm_core.upsert.withdraw import withdraw
from cm_core.upsert.write import CanonicalWriter, attach

#: How long to wait for another import's apply before giving up (and being retried).
WRITER_TIMEOUT_S = 1800.0


def apply(
    settings: Settings,
    database: Database,
    import_id: str,
    *,
    progress: Callable[[str], None] | None = None,
) -> ApplyResult:
    """Apply the staged rows of import `import_id` and mark it COMPLETE, all at one instant, under the writer lock.

    Applying again changes nothing: rows keep the person they were given. Of a replay, only the rows that it brings in
    or changes are applied. `progress` hears of each step.
    """
    tell = progress or (lambda step: None)
    with pipeline.failing(settings, database, import_id):
        with closing(database.connect()) as connection:
            records.set_status(connection, import_id, "APPLYING")
            connection.commit()
        with session(settings, memory_limit=settings.import_memory_limit) as con:

            def attempt() -> ApplyResult:
                prepare(settings, database, con, import_id)  # each try: one that broke off leaves parts of the batch
                with (
                    closing(database.connect()) as connection,
                    named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
                ):
                    shadow.tidy(connection)
                    replay = open_replay(connection, import_id)
                    connection.commit()
                    if replay is None and bulk.fills_an_empty_base(settings, connection, con):
                        return bulk.apply_to_empty(settings, database, connection, con, import_id, tell)
                    with transaction(connection):
                        result = _apply(settings, database, connection, con, import_id, tell, replay)
                        if replay is not None:
                            withdraw(settings, database, connection, replay, now())
                        return result

            return retry_deadlocks(attempt)()


def apply_all(
    settings: Settings,
    database: Database,
    import_ids: Sequence[str],
    *,
    progress: Callable[[str, str], None] | None = None,
) -> dict[str, ApplyResult | CmError]:
    """Apply several staged imports, one after the other in the order given; what became of each, or its error.

    Where they outweigh all that is known, they are written together at one instant (`bulk`), with the same result, row
    for row. An import that fails keeps none of the others from being applied. `progress(import_id, step)` hears of each
    step.
    """
    tell = progress or (lambda import_id, step: None)
    outcomes: dict[str, ApplyResult | CmError] = {}
    if len(import_ids) > 1:
        with (
            closing(database.connect()) as connection,
            named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
        ):
            shadow.tidy(connection)
            if bulk.outweigh_the_base(settings, database, connection, import_ids):
                outcomes = bulk.apply_together(settings, database, connection, import_ids, tell)
    for import_id in import_ids:
        if import_id not in outcomes:
            try:
                outcomes[import_id] = apply(settings, database, import_id, progress=_of(import_id, tell))
            except CmError as error:
                outcomes[import_id] = error
    return outcomes


def _was_swapped_in(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> bool:
    """Whether rows of the import are in although it is not on record: killed after `bulk` had put them in place."""
    with connection.cursor() as cursor:
        cursor.execute("select inserted_count is null from import_metadata where import_id = %s", (import_id,))
        row = cursor.fetchone()
    return bool(row and row[0]) and bool(con.execute("select exists(from assigned)").fetchall()[0][0])


def _of(import_id: str, tell: Callable[[str, str], None]) -> Callable[[str], None]:
    return lambda step: tell(import_id, step)


def _apply(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    tell: Callable[[str], None],
    replay: Replay | None,
) -> ApplyResult:
    empty_rows(connection, con, import_id)
    resolve(
        TablesKnown(connection),
        con,
        import_id,
        lambda count: allot(connection, "persons", count) if count else 0,
        tell,
    )
    if replay is not None and replay.mode == Mode.FULL:
        require_all_changed(con, import_id)
    if _was_swapped_in(connection, con, import_id):
        changes.all_changed(connection)
    tell("writing")
    at = now()
    with Loads(connection) as loads:
        writer = CanonicalWriter(TableSink(connection, con, loads), con, import_id, at)
        writer.write()
    attach(settings, connection, con, writer, at)
    writer.counts["marked"] = mark(settings, database, connection, con, import_id).total
    return bulk.finish(connection, import_id, row_operations(con, only_new=replay is not None), writer.counts)
