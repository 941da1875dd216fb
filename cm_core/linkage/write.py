"""Golden records, entity ids and links into MySQL: one transaction that writes only what differs.

Which persons are one comes in as `clusters`; nothing is decided about that here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import sql
from cm_core.linkage import households, pairs, records, written
from cm_core.linkage.source import own_rows, read_sources
from cm_core.settings import Settings
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction
from cm_core.touchpoints import Attachment

_WRITER_TIMEOUT_S = 1800.0

_PERSONS = """
select p.id, p.entity_id, p.name_prefix, p.first_name, p.middle_name, p.last_name, p.name_suffix, p.organization_name,
    p.date_of_birth, p.is_original, p.is_manually_verified, p.source_date
from persons as p
"""
_PERSONS_SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("entity_id", pa.int64()), ("name_prefix", pa.string()), ("first_name", pa.string()),
        ("middle_name", pa.string()), ("last_name", pa.string()), ("name_suffix", pa.string()),
        ("organization_name", pa.string()), ("date_of_birth", pa.date32()), ("is_original", pa.int8()),
        ("is_manually_verified", pa.int8()), ("source_date", pa.timestamp("us")),
    ]
)  # fmt: skip
# `contacts`: how many of e-mail address, phone and postal address there are.
_VERIFIED = """
select person_id, max(email) as email, max(phone) as phone, count(*) as contacts
from (
    select c.person_id, max(c.is_verified) as email, 0 as phone
    from email_addresses as c where c.email is not null group by c.person_id
    union all
    select c.person_id, 0, max(c.is_verified)
    from phone_numbers as c where c.phone_e164 is not null group by c.person_id
    union all
    select c.person_id, 0, 0 from addresses as c group by c.person_id
) as contacts
group by person_id
"""
# The same for those in `link_looked_at`, which MySQL reads once only.
_SOME_VERIFIED = """
select person_id, coalesce(email, 0), coalesce(phone, 0), (email is not null) + (phone is not null) + has_address
from (
    select
        l.id as person_id,
        (select max(c.is_verified) from email_addresses as c where c.person_id = l.id and c.email is not null) as email,
        (select max(c.is_verified) from phone_numbers as c where c.person_id = l.id and c.phone_e164 is not null)
            as phone,
        exists(select 1 from addresses as c where c.person_id = l.id) as has_address
    from link_looked_at as l
) as contacts
where email is not null or phone is not null or has_address
"""
_VERIFIED_SCHEMA = pa.schema(
    [("person_id", pa.int64()), ("email", pa.int64()), ("phone", pa.int64()), ("contacts", pa.int64())]
)
_LINKS = """
select d.id, d.original_id, d.duplicate_id, d.match_score, d.match_reason, d.match_tier, d.match_probability
from person_duplicates as d
"""
_LINKS_SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("original_id", pa.int64()), ("duplicate_id", pa.int64()),
        ("match_score", pa.decimal128(5, 2)), ("match_reason", pa.string()), ("match_tier", pa.int16()),
        ("match_probability", pa.decimal128(9, 8)),
    ]
)  # fmt: skip
_USED = "select entity_id from entity_successors union select entity_id from persons"
# The same for those in `link_looked_at` alone; of links, those at either end; of used ids, those they may take.
_SOME = {
    "persons_now": f"{_PERSONS} join link_looked_at as l on p.id = l.id",
    "verified": _SOME_VERIFIED,
    "links_now": f"{_LINKS} join link_looked_at as l on d.duplicate_id = l.id "
    f"union {_LINKS} join link_also_looked_at as l on d.original_id = l.id",
    "used_entities": "select s.entity_id from entity_successors as s join link_looked_at as l on s.entity_id = l.id "
    "union select p.entity_id from persons as p join link_also_looked_at as l on p.entity_id = l.id",
}
_ALL = {
    "persons_now": _PERSONS,
    "verified": _VERIFIED,
    "links_now": _LINKS,
    "used_entities": _USED,
}
_USED_SCHEMA = pa.schema([("entity_id", pa.int64())])
_SCHEMAS = {
    "persons_now": _PERSONS_SCHEMA,
    "verified": _VERIFIED_SCHEMA,
    "links_now": _LINKS_SCHEMA,
    "used_entities": _USED_SCHEMA,
}
_AS_BOOLEAN = "alter table persons_now alter is_original type boolean"

# Evidence between each golden record and its duplicates, person by person.
_MEMBERS = """
create or replace table components as
select id, id as component
from placed
where cluster in (select cluster from placed group by cluster having count(*) > 1)
"""
_GOLDEN_PAIRS = """
create or replace table evidence_pairs as
with linked as (
    select id_l, id_r, match_probability from component_evidence
    union all
    select id_r, id_l, match_probability from component_evidence
)
select p.golden_id as id_l, p.id as id_r, max(l.match_probability) as match_probability
from placed as p
left join exact_components as g on p.golden_id = g.id
left join exact_components as d on p.id = d.id
left join linked as l on d.component = l.id_l and g.component = l.id_r
where p.golden_id <> p.id
group by all
"""
_FRESH = """
update entities
set entity_id = f.entity_id
from (
    select cluster, $first + row_number() over (order by cluster) - 1 as entity_id
    from entities
    where entity_id is null
) as f
where entities.cluster = f.cluster
"""
_NEED_FRESH = "select count(*) from entities where entity_id is null"
_SUCCESSORS = """
select r.entity_id, e.entity_id as successor_id, $job as job_id
from retired as r
inner join entities as e on r.cluster = e.cluster
where r.entity_id <> e.entity_id
"""

_TEMPORARY = {
    "link_gone": "id bigint primary key",
    "link_changed": "id bigint primary key, match_score decimal(5,2) not null, "
    "match_reason varchar(100) character set utf8mb4 "
    "not null, match_tier smallint, match_probability decimal(9,8)",
    "link_persons": "id bigint primary key, is_original tinyint not null, entity_id bigint not null",
}
_DELETE = "delete d from person_duplicates as d join link_gone as g on d.id = g.id"
_UPDATE = """
update person_duplicates as d join link_changed as c on d.id = c.id
set d.match_score = c.match_score, d.match_reason = c.match_reason, d.match_tier = c.match_tier,
    d.match_probability = c.match_probability, d.job_id = %s
"""
_CHANGED = "select id, match_score, match_reason, match_tier, match_probability from changed_links order by id"
_CHANGED_COLUMNS = ("id", "match_score", "match_reason", "match_tier", "match_probability")
_PLACE = """
update persons as p join link_persons as n on p.id = n.id
set p.is_original = n.is_original, p.entity_id = n.entity_id, p.updated_at = current_timestamp(6)
"""
# The entity that each was in, and the one it is in now.
_CHANGED_ENTITIES = """
select entity_id from changed_persons
union
select p.entity_id from placed as p semi join changed_persons using (id)
order by 1
"""
_INSERT_COLUMNS = (
    "id", "original_id", "duplicate_id", "match_score", "match_reason", "match_tier", "match_probability", "job_id",
)  # fmt: skip
_INSERT = """
select $first + row_number() over (order by duplicate_id) - 1, original_id, duplicate_id, match_score, match_reason,
    match_tier, match_probability, $job
from new_links
"""
_AUDIT_COLUMNS = (
    "job_id", "action", "original_person_id", "duplicate_person_id", "match_score", "match_reason", "merged_fields",
)  # fmt: skip
_AUDIT = """
select $job, action, original_id, duplicate_id, match_score, match_reason, merged_fields
from (
    select 1 as step, 'unlink' as action, original_id, duplicate_id, match_score, match_reason,
        null::varchar as merged_fields
    from gone_links
    union all
    select 2, 'golden', original_id, former_id, null, 'replaces the former golden record', null
    from new_goldens
    union all
    select 3, 'link', l.original_id, l.duplicate_id, l.match_score, l.match_reason, m.merged_fields
    from new_links as l
    left join merged_fields as m using (original_id, duplicate_id)
)
order by step, original_id, duplicate_id
"""
# Of people who had their data deleted, nothing is said.
_FORGET_FIELDS = tuple(
    f"""
    update dedup_audit_log as a
    inner join contact_facts as f
        on f.person_id = a.{column} and f.fact = 'privacy_deletion' and f.value = 'erased'
    set a.merged_fields = null
    where a.job_id = %s
    """
    for column in ("original_person_id", "duplicate_person_id")
)
_QUEUE = "select person_id, other_id, cause, match_probability, match_score, match_tier, match_reason, value from {}"
_QUEUE_SCHEMA = pa.schema(
    [
        ("person_id", pa.int64()), ("other_id", pa.int64()), ("cause", pa.string()),
        ("match_probability", pa.decimal128(9, 8)), ("match_score", pa.decimal128(5, 2)), ("match_tier", pa.int16()),
        ("match_reason", pa.string()), ("value", pa.decimal128(12, 4)),
    ]
)  # fmt: skip
_QUEUE_CHANGED = f"""
select (select count(*) from ({_QUEUE.format("queue")} except {_QUEUE.format("queue_now")}))
    + (select count(*) from ({_QUEUE.format("queue_now")} except {_QUEUE.format("queue")}))
"""
_SUMMARY = """
with sizes as (
    select count(*) as persons
    from (
        select person_id, cluster from clusters
        union all
        select id, cluster from placed where id not in (select person_id from clusters)
    )
    group by cluster
)
select (select sum(persons - 1) from sizes), (select count(*) from sizes),
    (select count(*) from sizes where persons > 1), (select count(*) from new_links),
    (select count(*) from gone_links), (select count(*) from changed_links), (select count(*) from changed_persons),
    (select sum(persons) from sizes), (select count(*) from persons_to_write)
"""
_LOG_RUN = """
insert into linkage_runs
    (job_id, is_full, persons, looked_at, clusters, linked, unlinked, rescored, persons_changed)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Written:
    """Links there are now, clusters (single persons too), golden records with duplicates, and what was changed.

    `looked_at` are the persons, of all `persons`, whose clusters may have changed since the last run.
    """

    duplicates: int
    clusters: int
    golden: int
    linked: int
    unlinked: int
    rescored: int
    persons_changed: int
    persons: int
    looked_at: int


def write(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    job_id: str,
    marks: Callable[[], pa.Table],
    *,
    full: bool = False,
) -> Written:
    """Bring persons, links, entity successors and the audit log to what `clusters` says, under the writer lock.

    And the review queue and the households. Needs `base`, `clusters`, `exact_components`, `evidence`,
    `component_evidence`, `queue`, `households` and the decisions; `marks` gives `written.read_marks`. Clusters that the
    last run wrote as they are now are left alone; with `full`, all are compared with the database. Writing again
    changes nothing. Raises WriterBusy if an import holds the lock for half an hour.
    """

    def attempt() -> Written:
        with (
            database.connect() as connection,
            named_lock(connection, WRITER_LOCK, timeout_s=_WRITER_TIMEOUT_S),
            written.last(settings, con, connection) as is_known,
        ):
            with transaction(connection):
                written.find_changed(con, marks(), everybody=full or not is_known)
                outcome = _write(settings, database, connection, con, job_id, everybody=full or not is_known)
                run = _log(connection, job_id, outcome, is_full=full or not is_known)
            written.keep(settings, con, run)
            return outcome

    return retry_deadlocks(attempt)()


def _write(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    job_id: str,
    *,
    everybody: bool,
) -> Written:
    if not everybody:
        with connection.cursor() as cursor:
            for table in ("link_looked_at", "link_also_looked_at"):  # MySQL reads no temporary table twice in a query
                cursor.execute(f"drop temporary table if exists {table}")
                cursor.execute(f"create temporary table {table} (id bigint primary key)")
                load(connection, con, "select person_id from persons_to_write order by person_id", table, ("id",))
    for table, query in (_ALL if everybody else _SOME).items():
        con.execute(f"drop table if exists {table}")
        fetch(connection, query, (), con, table, _SCHEMAS[table])
    con.execute("drop table if exists queue_now")
    fetch(connection, _QUEUE.format("review_queue"), (), con, "queue_now", _QUEUE_SCHEMA)
    con.execute(_AS_BOOLEAN)
    con.execute(sql(__package__, "golden.sql"))
    fresh = int(con.execute(_NEED_FRESH).fetchall()[0][0])
    if fresh:
        con.execute(_FRESH, {"first": allot(connection, "persons", fresh)})
    con.execute(_MEMBERS)
    own_rows(con, "person_id in (select id from components)")
    read_sources(settings, database, con)
    records.identify(con, settings)
    con.execute(sql(__package__, "nodes.sql"))
    con.execute(_GOLDEN_PAIRS)
    con.execute(sql(__package__, "evidence_persons.sql"))
    pairs.explain(con)
    con.execute(sql(__package__, "wanted.sql"))
    outcome = Written(*(int(value or 0) for value in con.execute(_SUMMARY).fetchall()[0]))
    _apply(settings, connection, con, job_id, outcome, everybody=everybody)
    return outcome


def _log(connection: Connection[Any], job_id: str, outcome: Written, *, is_full: bool) -> int:
    """Write the run down; its number."""
    counts = (outcome.persons, outcome.looked_at, outcome.clusters, outcome.linked, outcome.unlinked, outcome.rescored)
    with connection.cursor() as cursor:
        cursor.execute(_LOG_RUN, (job_id, is_full, *counts, outcome.persons_changed))
        return int(cursor.lastrowid or 0)


def _apply(
    settings: Settings,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    job_id: str,
    outcome: Written,
    *,
    everybody: bool,
) -> None:
    with connection.cursor() as cursor:
        for name, columns in _TEMPORARY.items():
            cursor.execute(f"drop temporary table if exists {name}")
            cursor.execute(f"create temporary table {name} ({columns})")
        if outcome.unlinked:
            load(connection, con, "select id from gone_links order by id", "link_gone", ("id",))
            cursor.execute(_DELETE)
        if outcome.rescored:
            load(connection, con, _CHANGED, "link_changed", _CHANGED_COLUMNS)
            cursor.execute(_UPDATE, (job_id,))
        if outcome.linked:
            first = allot(connection, "person_duplicates", outcome.linked)
            load(connection, con, _INSERT, "person_duplicates", _INSERT_COLUMNS, params={"first": first, "job": job_id})
        if outcome.persons_changed:
            query = "select id, is_original, entity_id from changed_persons order by id"
            load(connection, con, query, "link_persons", ("id", "is_original", "entity_id"))
            attachment = Attachment(connection)
            attachment.persons("link_persons")
            cursor.execute(_PLACE)
            load(connection, con, _CHANGED_ENTITIES, "changed_entities", ("entity_id",))
            attachment.persons("link_persons")
            attachment.settle(con, shared_max=settings.shared_contact_max_surnames)
    load(
        connection,
        con,
        _SUCCESSORS,
        "entity_successors",
        ("entity_id", "successor_id", "job_id"),
        params={"job": job_id},
    )
    load(connection, con, _AUDIT, "dedup_audit_log", _AUDIT_COLUMNS, params={"job": job_id})
    with connection.cursor() as cursor:
        for statement in _FORGET_FIELDS:
            cursor.execute(statement, (job_id,))
    _write_queue(connection, con, job_id)
    households.write(connection, con, job_id, compare=everybody)


def _write_queue(connection: Connection[Any], con: duckdb.DuckDBPyConnection, job_id: str) -> None:
    (changed,) = con.execute(_QUEUE_CHANGED).fetchall()[0]
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute("delete from review_queue")
    query = f"{_QUEUE.format('queue')} order by person_id, other_id"
    load(connection, con, query, "review_queue", _QUEUE_SCHEMA.names, constants={"job_id": job_id})
