"""Take back what a full replay no longer reads in the rows of its import.

The apply has brought in what the rows say now. What they said before is still there: a number that was not understood
beside the one that now is, a name that was read the other way round. Here the persons of the changed rows are folded
anew from all their source rows, so that they are what they would be had the import been read like this at first. Facts
that the former reading did not bring stay out of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import session, sql
from cm_core.imports.replay_log import Mode, Replay, all_applied_parts, applied_parts
from cm_core.imports.restaging import CHANGED
from cm_core.imports.staged import read_staged
from cm_core.settings import Settings
from cm_core.store import changes
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.touchpoints import Attachment
from cm_core.upsert.forgotten import leave_persons
from cm_core.upsert.gather import gather_rows
from cm_core.upsert.lookup import fetch_current, temporary_like
from cm_core.upsert.write import PERSON_COLUMNS, STAGED, TARGETS, Target

_REPLAYED = "create temporary table replayed_rows (`row_number` bigint not null primary key)"
_SAID_BY = """
select s.`row_number`, s.party_no, s.person_id
from replayed_rows as r
join person_sources as s on s.import_id = %s and s.`row_number` = r.`row_number`
"""
_SAID_BY_SCHEMA = pa.schema([("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64())])
_MOVES = """
select a.import_id, a.`row_number`, a.party_no, a.person_id, 0
from (
    select distinct s.person_id
    from replayed_rows as r
    join person_sources as s on s.import_id = %s and s.`row_number` = r.`row_number`
) as p
join person_sources as a on a.person_id = p.person_id
"""
_MOVES_SCHEMA = pa.schema(
    [
        ("import_id", pa.string()), ("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64()),
        ("part", pa.int64()),
    ]
)  # fmt: skip
# Rows that are in for the first time said nothing before.
_CHANGED_ROWS = """
create or replace view said_rows as
select c.row_number from changed as c semi join former_rows as b on c.row_number = b.row_number
"""
_SPREAD = """
create or replace table spread as
select m.number as row_number, m.party_no, m.person_id, p.source_date
from move_rows as m
inner join parties as p on p.row_number = m.number and p.party_no = m.party_no
"""
_ASSIGNMENT = "create or replace table assignment as select *, false as is_new from spread"


def withdraw(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    replay: Replay,
    at: datetime,
) -> int:
    """Fold the persons of the rows that the full replay reads otherwise than before; returns how many were changed.

    Runs in the transaction of the apply, after it, under the writer lock.
    """
    if replay.mode != Mode.FULL:
        return 0
    import_id, parts = replay.import_id, all_applied_parts(database)
    with session(settings, memory_limit=settings.import_memory_limit) as con:
        read_staged(settings, con, import_id, (CHANGED,), parts=(replay.replay_no,))
        read_staged(
            settings, con, import_id, ("rows", *STAGED), prefix="former_", parts=applied_parts(database, import_id)
        )
        con.execute(_CHANGED_ROWS)
        with connection.cursor() as cursor:
            cursor.execute("drop temporary table if exists replayed_rows")
            cursor.execute(_REPLAYED)
        query = "select row_number from said_rows order by 1"
        if not load(connection, con, query, "replayed_rows", ["row_number"]):
            return 0
        for table in STAGED:
            con.execute(
                f"create or replace view said_{table} as "
                f"select * from former_{table} semi join said_rows using (row_number)"
            )
        fetch(connection, _SAID_BY, (import_id,), con, "said_by", _SAID_BY_SCHEMA)
        fetch(connection, _MOVES, (import_id,), con, "moves", _MOVES_SCHEMA)
        leave_persons(connection, con, "said_by", "moves")
        if not con.execute("select exists(from moves)").fetchall()[0][0]:
            return 0
        gather_rows(settings, con, {**parts, import_id: (replay.replay_no,)})
        con.execute(_SPREAD)
        con.execute(_ASSIGNMENT)
        fetch_current(connection, con)
        attachment = Attachment(connection)
        attachment.persons("lookup_persons")
        con.execute(sql(__package__, "withdraw.sql"))
        con.execute(sql(__package__, "fold.sql"))
        changed = _write(connection, con, import_id, at)
        if changed:
            changes.persons_changed(connection, "lookup_persons")
        attachment.persons("lookup_persons")
        attachment.settle(con, shared_max=settings.shared_contact_max_surnames)
    return changed


def _write(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, at: datetime) -> int:
    changed = _update(connection, con, "persons", "persons", PERSON_COLUMNS, ("id",), import_id, at)
    for target in TARGETS:
        kind = target.folded.removeprefix("folded_")
        key = _key(target)
        changed += _update(connection, con, target.table, kind, target.columns[1:], key, import_id, at)
        temporary_like(connection, "gone", target.table, ["id"])
        using = ", ".join(key)
        gone = load(
            connection, con,
            f"select id from (select * from before_{kind} semi join withdrawn_{kind} using ({using})) "
            f"anti join folded_{kind} using ({using}) order by id",
            "gone", ["id"],
        )  # fmt: skip
        if gone:
            changes.contacts_gone(connection, target.table, "gone")
            with connection.cursor() as cursor:
                cursor.execute(f"delete t from {target.table} as t join gone as g on g.id = t.id")
        changed += gone
    return changed


def _key(target: Target) -> tuple[str, ...]:
    return target.columns[:3] if target.table == "person_identifiers" else target.columns[:2]


def _update(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    table: str,
    kind: str,
    columns: tuple[str, ...],
    key: tuple[str, ...],
    import_id: str,
    at: datetime,
) -> int:
    """Bring `folded_<kind>` into `table` where it says something else than `before_<kind>`."""
    new, old = (", ".join(f"{side}.{column}" for column in columns) for side in "fb")
    temporary_like(connection, "folded_anew", table, ["id", *columns])
    count = load(
        connection, con,
        f"select b.id, {new} from folded_{kind} as f inner join before_{kind} as b "
        f"on {' and '.join(f'f.{column} = b.{column}' for column in key)} "
        f"where ({new}) is distinct from ({old}) order by b.id",
        "folded_anew", ["id", *columns],
    )  # fmt: skip
    if count:
        assignments = ", ".join(f"t.{column} = c.{column}" for column in columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"update {table} as t join folded_anew as c on c.id = t.id "
                f"set {assignments}, t.last_import_id = greatest(t.last_import_id, %s), t.updated_at = %s",
                (import_id, at),
            )
    return count
