"""From staged campaign lists to `campaigns`, and to the touchpoints that name them, one transaction per import.

A campaign is what its code says, or its name and channel where no list gives a code. Every row of every list is kept
in `campaign_sources`; a campaign is folded from them, so the order of the lists makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compute import sql
from cm_core.imports import records
from cm_core.imports.records import now
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.touchpoints import statements
from cm_core.touchpoints.applying import answer, apply, count, execute, upload

if TYPE_CHECKING:
    from pymysql.connections import Connection

_FIELDS = [
    ("code", pa.string()), ("name", pa.string()), ("type", pa.string()), ("start_date", pa.date32()),
    ("end_date", pa.date32()), ("source_date", pa.timestamp("us")),
]  # fmt: skip
_NOW_SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("campaign_key", pa.string()), *_FIELDS, ("first_import_id", pa.string()),
        ("last_import_id", pa.string()),
    ]
)  # fmt: skip
_FACTS_SCHEMA = pa.schema(
    [
        ("campaign_key", pa.string()), ("import_id", pa.string()), ("row_number", pa.int64()), *_FIELDS,
        ("operation", pa.string()),
    ]
)  # fmt: skip
_NAMES_SCHEMA = pa.schema(
    [("campaign_id", pa.int64()), ("code", pa.string()), ("name", pa.string()), ("type", pa.string())]
)
_REFERENCES_SCHEMA = pa.schema(
    [
        ("campaign_code", pa.string()), ("campaign_name", pa.string()), ("touchpoint_type", pa.string()),
        ("campaign_id", pa.int64()),
    ]
)  # fmt: skip

_KEY = "campaign_key varchar(320) character set utf8mb4 collate utf8mb4_bin not null"
_VALUES = """
    code varchar(64), name varchar(255), type varchar(16) character set ascii collate ascii_bin,
    start_date date, end_date date, source_date datetime(6) not null
"""
_FOLDED = f"""
    {_KEY} primary key, {_VALUES}, first_import_id varchar(24) character set ascii collate ascii_bin,
    last_import_id varchar(24) character set ascii collate ascii_bin, is_new tinyint(1) not null
"""
_ROWS = f"""
    `row_number` bigint not null primary key, {_KEY}, {_VALUES},
    operation varchar(16) character set ascii collate ascii_bin not null
"""
_RESOLVED = """
    campaign_code varchar(64) character set utf8mb4 collate utf8mb4_bin,
    campaign_name varchar(255) character set utf8mb4 collate utf8mb4_bin,
    touchpoint_type varchar(16) character set ascii collate ascii_bin not null,
    campaign_id bigint
"""
_FOLDED_COLUMNS = (
    "campaign_key", "code", "name", "type", "start_date", "end_date", "source_date", "first_import_id",
    "last_import_id", "is_new",
)  # fmt: skip
_ROW_COLUMNS = (
    "row_number", "campaign_key", "code", "name", "type", "start_date", "end_date", "source_date", "operation",
)  # fmt: skip
_RESOLVED_COLUMNS = ("campaign_code", "campaign_name", "touchpoint_type", "campaign_id")
#: What touchpoints may call a campaign of this import, now or by an older list.
_TOUCHED = """
select distinct upper(trim(regexp_replace(contact, '\\s+', ' ', 'g'))) as contact
from (
    select unnest([code, name]) as contact
    from (
        select campaign_key, code, name from campaign_facts
        union all
        select campaign_key, code, name from campaign_new_rows
    )
    semi join campaign_new_rows using (campaign_key)
)
where contact is not null
"""
_MOVED = """
select r.campaign_code, r.campaign_name, r.touchpoint_type, r.campaign_id
from campaign_resolved as r
where exists (
    select 1
    from campaign_references as f
    where f.campaign_code is not distinct from r.campaign_code
        and f.campaign_name is not distinct from r.campaign_name
        and f.touchpoint_type = r.touchpoint_type
        and f.campaign_id is distinct from r.campaign_id
)
"""


@dataclass(frozen=True)
class CampaignCounts:
    """Source rows that brought a new campaign, changed one, or changed nothing; touchpoints that found theirs."""

    inserted: int
    updated: int
    skipped: int
    touchpoints_found: int


def apply_campaigns(settings: Settings, database: Database, import_id: str) -> CampaignCounts:
    """Bring the staged campaigns of an import into `campaigns` and mark it COMPLETE; applying again changes nothing.

    Of several rows about one campaign the first counts as inserted or updated, the others as skipped. Touchpoints
    that name one of the campaigns are given it, or it is taken from them where the name now is several campaigns'.
    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    return apply(settings, database, import_id, "campaigns", _write)


def resolve(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> None:
    """Make `campaign_resolved` of `campaign_references`, both in DuckDB."""
    answer(connection, con, statements.CAMPAIGN_NAMES, "campaign_names", _NAMES_SCHEMA)
    con.execute(sql(__package__, "campaign_resolve.sql"))


def fold(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Make `campaigns_folded` and `campaign_rows` of the staged campaigns and what is known; writes nothing."""
    answer(connection, con, statements.CAMPAIGNS, "campaigns_now", _NOW_SCHEMA)
    answer(connection, con, statements.CAMPAIGN_FACTS, "campaign_facts", _FACTS_SCHEMA)
    con.execute("create or replace table this_import as select ?::varchar as import_id", [import_id])
    con.execute(sql(__package__, "campaign_fold.sql"))


def _write(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> CampaignCounts:
    fold(connection, con, import_id)
    at = now()
    folded = "select {} from campaigns_folded where is_new or is_changed or is_touched order by campaign_key"
    upload(connection, con, "campaigns_folded", _FOLDED, folded.format(", ".join(_FOLDED_COLUMNS)), _FOLDED_COLUMNS)
    execute(connection, statements.UPDATE_CAMPAIGNS, {"at": at})
    execute(connection, statements.INSERT_CAMPAIGNS, {"at": at})
    rows = f"select {', '.join(_ROW_COLUMNS)} from campaign_rows order by row_number"
    upload(connection, con, "campaign_rows", _ROWS, rows, _ROW_COLUMNS)
    execute(connection, statements.INSERT_CAMPAIGN_SOURCES, {"import_id": import_id})
    found = _refer(connection, con)
    inserted, updated = (count(con, "campaign_rows", f"operation = '{name}'") for name in ("inserted", "updated"))
    skipped = count(con, "staged_campaigns") - inserted - updated
    for operation, number in (("INSERT", inserted), ("UPDATE", updated), ("SKIP", skipped)):
        records.audit(connection, import_id, operation, number, "campaigns")
    records.audit(connection, import_id, "UPDATE", found, "touchpoints.campaign_id")
    records.complete(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    return CampaignCounts(inserted, updated, skipped, found)


def _refer(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> int:
    """Give touchpoints that name a campaign of this import the right one; how many were changed."""
    columns = "contact varchar(255) character set utf8mb4 collate utf8mb4_bin not null primary key"
    if not upload(connection, con, "campaign_touched", columns, _TOUCHED, ("contact",)):
        return 0
    answer(connection, con, statements.REFERENCES[0], "campaign_references", _REFERENCES_SCHEMA)
    answer(connection, con, statements.REFERENCES[1], "campaign_references_by_name", _REFERENCES_SCHEMA)
    con.execute("insert into campaign_references from campaign_references_by_name")
    resolve(connection, con)
    if not upload(connection, con, "campaign_resolved", _RESOLVED, _MOVED, _RESOLVED_COLUMNS):
        return 0
    for statement in statements.CHANGED_BY_REFERENCE:
        execute(connection, statement)
    return sum(execute(connection, statement) for statement in statements.REFER)
