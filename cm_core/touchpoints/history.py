"""From staged contact history to `touchpoints`, one transaction per import.

A touchpoint is its source's id for it, or what it says of itself where there is none; so the same one from a second
list is known again. Nobody's touchpoint is kept all the same and waits for its person (`attachment`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance import record_messages
from cm_core.compute import sql
from cm_core.imports import records
from cm_core.imports.records import now
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.touchpoints import statements
from cm_core.touchpoints.applying import answer, apply, count, execute, upload
from cm_core.touchpoints.attachment import Attachment
from cm_core.touchpoints.campaigns import resolve

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: What a source says of a touchpoint, and the row that says it; types as in `store.tables`.
_SAID = {
    "touchpoint_type": "varchar(16) character set ascii collate ascii_bin not null",
    "touchpoint_date": "datetime(6) not null",
    "status": "varchar(32)",
    "phone_e164": "varchar(20) character set ascii collate ascii_bin",
    "email_key": "varchar(320) character set utf8mb4 collate utf8mb4_bin",
    "name_zip_key": "varchar(255) character set ascii collate ascii_bin",
    "first_key": "varchar(100) character set ascii collate ascii_bin",
    "generation": "varchar(4) character set ascii collate ascii_bin",
    "organization_key": "varchar(255) character set ascii collate ascii_bin",
    "campaign_code": "varchar(64) character set utf8mb4 collate utf8mb4_bin",
    "campaign_name": "varchar(255) character set utf8mb4 collate utf8mb4_bin",
    "source": "varchar(64) not null",
    "external_id": "varchar(255) character set utf8mb4 collate utf8mb4_bin",
    "metadata": "longtext",
    "content_key": "varchar(32) character set ascii collate ascii_bin not null",
    "source_date": "datetime(6) not null",
    "row_number": "bigint not null",
}
_KNOWN_SCHEMA = pa.schema(
    [
        ("touchpoint_key", pa.string()), ("id", pa.int64()), ("has_status", pa.int8()),
        ("source_date", pa.timestamp("us")), ("content_key", pa.string()),
    ]
)  # fmt: skip
_PLACED_SCHEMA = pa.schema([("row_number", pa.int64()), ("touchpoint_key", pa.string())])
_KEYS = "contact varchar(64) character set ascii collate ascii_bin not null primary key"
_WITH_CAMPAIGN = """
left join campaign_resolved as c
    on s.campaign_code is not distinct from c.campaign_code
    and s.campaign_name is not distinct from c.campaign_name
    and s.touchpoint_type = c.touchpoint_type
"""


@dataclass(frozen=True)
class TouchpointCounts:
    """Source rows that brought a new touchpoint, said more of a known one, or changed nothing.

    `waiting` are touchpoints of this import without a person, `waiting_in_all` those of all imports.
    """

    inserted: int
    updated: int
    skipped: int
    waiting: int
    waiting_in_all: int


def apply_touchpoints(settings: Settings, database: Database, import_id: str) -> TouchpointCounts:
    """Bring the staged touchpoints of an import into `touchpoints` and mark it COMPLETE; again changes nothing.

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    write = partial(_write, shared_max=settings.shared_contact_max_surnames)
    return apply(settings, database, import_id, "touchpoints", write)


def compare(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Make `touchpoints_new`, `touchpoints_changed` and `touchpoints_confirmed` of the staged ones; writes nothing."""
    keys = "select distinct touchpoint_key from staged_touchpoints order by 1"
    upload(connection, con, "touchpoint_keys", _KEYS, keys, ("contact",))
    answer(connection, con, statements.KNOWN_TOUCHPOINTS, "known_touchpoints", _KNOWN_SCHEMA)
    answer(connection, con, statements.PLACED_ROWS, "placed_rows", _PLACED_SCHEMA, {"import_id": import_id})
    con.execute(sql(__package__, "history.sql"))


def _write(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, *, shared_max: int
) -> TouchpointCounts:
    compare(connection, con, import_id)
    resolve(connection, con)
    inserted = count(con, "touchpoints_new")
    first = _insert(connection, con, import_id, inserted)
    updated = _update(connection, con, import_id)
    attachment = Attachment(connection)
    attachment.new_touchpoints(first, first + inserted - 1)
    attachment.changed_touchpoints()
    attachment.settle(con, shared_max=shared_max)
    if updated:
        for statement in statements.CHANGED_BY_TOUCHPOINTS:
            execute(connection, statement)
    record_messages(connection, con, import_id)
    skipped = count(con, "staged_touchpoints") - inserted - updated
    for operation, number in (("INSERT", inserted), ("UPDATE", updated), ("SKIP", skipped)):
        records.audit(connection, import_id, operation, number, "touchpoints")
    records.complete(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    with connection.cursor() as cursor:
        cursor.execute(statements.WAITING, {"import_id": import_id})
        in_all, mine = cursor.fetchone() or (0, 0)
    return TouchpointCounts(inserted, updated, skipped, int(mine), int(in_all))


def _insert(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, number: int) -> int:
    """Add `touchpoints_new`, not yet anybody's; the first of their ids, which are consecutive."""
    first = allot(connection, "touchpoints", number)
    said = ", ".join(f"s.{name}" for name in _SAID)
    load(
        connection,
        con,
        f"select s.position + ?, s.touchpoint_key, ?, c.campaign_id, {said} from touchpoints_new as s {_WITH_CAMPAIGN} "
        "order by s.position",
        "touchpoints",
        ("id", "touchpoint_key", "import_id", "campaign_id", *_SAID),
        params=(first, import_id),
    )
    return first


def _update(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> int:
    """Let known touchpoints say what `touchpoints_changed` says; how many there are."""
    said = ", ".join(f"s.{name}" for name in _SAID)
    declared = ", ".join(f"`{name}` {kind}" for name, kind in _SAID.items())
    changed = upload(
        connection,
        con,
        "touchpoints_changed",
        f"id bigint not null primary key, campaign_id bigint, {declared}",
        f"select s.id, c.campaign_id, {said} from touchpoints_changed as s {_WITH_CAMPAIGN} order by s.id",
        ("id", "campaign_id", *_SAID),
    )
    if changed:
        assignments = ", ".join(f"t.`{name}` = c.`{name}`" for name in ("campaign_id", *_SAID))
        execute(
            connection,
            statements.UPDATE_TOUCHPOINTS.format(assignments=assignments),
            {"import_id": import_id, "at": now()},
        )
    columns = "id bigint not null primary key, source_date datetime(6) not null"
    confirmed = "select id, source_date from touchpoints_confirmed order by id"
    if upload(connection, con, "touchpoints_confirmed", columns, confirmed, ("id", "source_date")):
        execute(connection, statements.CONFIRM_TOUCHPOINTS)
    return changed
