"""Take persons apart again whose source rows no longer belong together.

An exact key can lose its force after it has joined two rows: a telephone turns out to be carried by many surnames, or
by two people with different first names. Linkage finds the persons concerned from all source rows at once; here their
rows are folded anew, part by part, in one transaction. The part with the most rows keeps the person's id. Others may
write between the finding and the folding: a person that they changed stays as it is, and the next run finds it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compliance import list_new_phones, refresh_contact_status
from cm_core.compute import sql
from cm_core.imports.records import now
from cm_core.imports.replay_log import all_applied_parts
from cm_core.settings import Settings
from cm_core.store import changes
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction
from cm_core.touchpoints import Attachment
from cm_core.upsert.engine import WRITER_TIMEOUT_S
from cm_core.upsert.forgotten import leave_persons
from cm_core.upsert.gather import gather_rows
from cm_core.upsert.lookup import CURRENT, arrow_schema, fetch_current, temporary_like, upload
from cm_core.upsert.write import PERSON_COLUMNS, TARGETS, Target

_PACKAGE = "cm_core.upsert"
#: The staged parts of each import that was replayed.
Parts = dict[str, tuple[int, ...]]
_ROWS_NOW = """
select straight_join s.import_id, s.`row_number`, s.party_no, s.person_id
from split_persons as l
join person_sources as s on s.person_id = l.id
"""
_ROWS_SCHEMA = pa.schema(
    [("import_id", pa.string()), ("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64())]
)
_FALLS_APART = "select exists(from moves where part > 0)"
_DELETE_CONTACTS = "delete t from {table} as t join lookup_persons as l on l.id = t.person_id"
_DELETE_RELATIONS = "delete t from person_relations as t join lookup_persons as l on l.id = t.{column}"
_MOVE_SOURCES = """
update person_sources as s
join moved_sources as m
    on m.import_id = s.import_id and m.`row_number` = s.`row_number` and m.party_no = s.party_no
set s.person_id = m.person_id
"""
_RELATE = """
insert ignore into person_relations (person_id, related_person_id, relation, first_import_id, created_at)
select
    case when y.role = 'joint_owner' then least(x.person_id, y.person_id) else x.person_id end,
    case when y.role = 'joint_owner' then greatest(x.person_id, y.person_id) else y.person_id end,
    case y.role when 'joint_owner' then 'household' else y.role end,
    x.import_id,
    %s
from moved_sources as m
join person_sources as x on x.import_id = m.import_id and x.`row_number` = m.`row_number` and x.party_no = 1
join person_sources as y on y.import_id = x.import_id and y.`row_number` = x.`row_number` and y.party_no > 1
where x.person_id <> y.person_id
"""
_CREATE_MOVED = """
create temporary table moved_sources (
    import_id varchar(24) character set ascii collate ascii_bin,
    `row_number` bigint,
    party_no smallint,
    person_id bigint,
    primary key (import_id, `row_number`, party_no)
)
"""


def split_persons(settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job_id: str) -> int:
    """Split the persons of `moves` and return how many new persons there are.

    `moves(import_id, row_number, party_no, person_id, part)` names every source row of each person concerned, by
    parts from 0; part 0 stays. Afterwards `moved(import_id, row_number, party_no, person_id)` says who has each row,
    and `moves` no longer has the persons that are not split: of deleted people, and those changed since it was made.
    """
    with database.connect() as connection:
        leave_persons(connection, con, "moves")
    if not con.execute(_FALLS_APART).fetchall()[0][0]:
        return 0
    parts = all_applied_parts(database)
    gather_rows(settings, con, parts)

    @retry_deadlocks
    def attempt() -> int:
        with (
            database.connect() as connection,
            named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
            transaction(connection),
        ):
            _leave_changed(connection, con, parts, all_applied_parts(database))
            if not con.execute(_FALLS_APART).fetchall()[0][0]:
                return 0
            return _split(settings, connection, con, job_id)

    return attempt()


def _leave_changed(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, parts_read: Parts, parts_now: Parts
) -> None:
    """Take out of `moves` and `move_rows` whoever was deleted meanwhile, or whose rows are others or read otherwise."""
    leave_persons(connection, con, "moves", "move_rows")
    upload(
        connection, con, "split_persons", "id bigint primary key", "select distinct person_id from moves order by 1"
    )  # fmt: skip
    con.execute("drop table if exists rows_now")
    fetch(connection, _ROWS_NOW, (), con, "rows_now", _ROWS_SCHEMA)
    reread = [name for name in parts_read.keys() | parts_now.keys() if parts_read.get(name) != parts_now.get(name)]
    con.execute("create or replace table imports_reread as select unnest(?::varchar[]) as import_id", [reread])
    con.execute(sql(_PACKAGE, "split_changed.sql"))


def _split(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, job_id: str) -> int:
    con.execute(sql(_PACKAGE, "split_assign.sql"))
    count = con.execute("select count(*) from new_parts").fetchall()[0][0]
    con.execute(
        "create or replace table new_ids as select ?::bigint as first_id", [allot(connection, "persons", count)]
    )
    con.execute(sql(_PACKAGE, "split_spread.sql"))
    con.execute("create or replace table assignment as select *, false as is_new from old_spread")
    con.execute("create or replace table spread as from old_spread")
    fetch_current(connection, con)
    attachment = Attachment(connection)
    attachment.persons("lookup_persons")
    for table, current in CURRENT.items():
        con.execute(f"create or replace table before_{table.name} as from {current}")
        con.register("nothing", arrow_schema(table.name).empty_table())
        con.execute(f"create or replace table {current} as from nothing")
        con.unregister("nothing")
    con.execute("create or replace table spread as from new_spread")
    con.execute(sql(_PACKAGE, "fold.sql"))
    _write(settings, connection, con, job_id)
    changes.persons_changed(connection, "moved_sources", "person_id")
    attachment.persons("moved_sources", "person_id")
    attachment.settle(con, shared_max=settings.shared_contact_max_surnames)
    return int(count)


def _write(settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, job_id: str) -> None:
    at = now()
    columns = ", ".join(PERSON_COLUMNS)
    temporary_like(connection, "changed_persons", "persons", ["id", *PERSON_COLUMNS])
    load(
        connection, con,
        f"select id, {columns} from folded_persons where id in (select id from before_persons) order by id",
        "changed_persons", ["id", *PERSON_COLUMNS],
    )  # fmt: skip
    assignments = ", ".join(f"t.{column} = c.{column}" for column in PERSON_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"update persons as t join changed_persons as c on c.id = t.id set {assignments}, t.updated_at = %s", (at,)
        )
    load(
        connection, con,
        f"select f.id, f.id, {columns}, p.first_import_id, p.last_import_id, ?::timestamp, ?::timestamp "
        "from folded_persons as f inner join part_imports as p on f.id = p.person_id "
        "where f.id not in (select id from before_persons) order by f.id",
        "persons",
        ["id", "entity_id", *PERSON_COLUMNS, "first_import_id", "last_import_id", "created_at", "updated_at"],
        params=[at, at],
    )  # fmt: skip
    for target in TARGETS:
        _replace_contacts(settings, connection, con, target, at)
    with connection.cursor() as cursor:
        cursor.execute("drop temporary table if exists moved_sources")
        cursor.execute(_CREATE_MOVED)
    load(
        connection, con, "select import_id, row_number, party_no, person_id from moved order by 1, 2, 3",
        "moved_sources", ["import_id", "row_number", "party_no", "person_id"],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_SOURCES)
        for column in ("person_id", "related_person_id"):
            cursor.execute(_DELETE_RELATIONS.format(column=column))
        cursor.execute(_RELATE, (at,))
    load(
        connection, con,
        "select ?, 'split', old_person_id, person_id, 'rows no longer share a key', ?::timestamp from new_parts "
        "order by person_id",
        "dedup_audit_log",
        ["job_id", "action", "original_person_id", "duplicate_person_id", "match_reason", "created_at"],
        params=[job_id, at],
    )  # fmt: skip


def _replace_contacts(
    settings: Settings, connection: Connection[Any], con: duckdb.DuckDBPyConnection, target: Target, at: datetime
) -> None:
    """Write one contact table of the persons concerned anew; what was verified stays verified."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_CONTACTS.format(table=target.table))
    count = con.execute(f"select count(*) from {target.folded}").fetchall()[0][0]
    if not count:
        return
    first = allot(connection, target.table, count)
    columns = ", ".join(f"f.{column}" for column in target.columns)
    key = ", ".join(f"f.{column}" for column in target.columns[:3])
    verified = target.table in ("phone_numbers", "email_addresses")
    key_column = target.columns[1]
    extra = (
        f", coalesce((select max(b.is_verified) from before_{target.table} as b "
        f"where b.{key_column} = f.{key_column} and b.person_id = o.old_person_id), 0)"
        if verified
        else ""
    )
    load(
        connection, con,
        f"select row_number() over (order by {key}) - 1 + ? as id, {columns}{extra}, w.import_id, w.import_id, "
        f"?::timestamp, ?::timestamp from {target.folded} as f "
        "inner join (select distinct number, import_id from move_rows) as w on w.number = f.won_by "
        "inner join part_origins as o on o.person_id = f.person_id order by 1",
        target.table,
        ["id", *target.columns, *(["is_verified"] if verified else []), "first_import_id", "last_import_id",
         "created_at", "updated_at"],
        params=[first, at, at],
    )  # fmt: skip
    block = (first, first + count - 1)
    changes.contacts_new(connection, target.table, *block)
    if target.table == "phone_numbers":
        list_new_phones(settings, connection, con, block)
        refresh_contact_status(connection, phone_ids=block)
    elif target.table == "email_addresses":
        refresh_contact_status(connection, email_ids=block)
