"""Households: people who belong together without being one person. Nothing here makes two people one.

Found anew by each dedupe from what clusters have in common; kept in MySQL by entity (`households`), so that one letter
can go to a family.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import sql
from cm_core.linkage import components
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database

#: People that one household has at most; what more of them share says nothing.
MOST = 8
_JOINT = "select person_id, related_person_id from person_relations where relation = 'household'"
_JOINT_SCHEMA = pa.schema([("person_id", pa.int64()), ("related_person_id", pa.int64())])
_KEEP = """
create or replace table households as
with reasons as (
    select id, min(rank) as rank
    from (select id_l as id, rank from household_edges union all select id_r, rank from household_edges)
    group by id
)
select
    c.id as cluster,
    c.component as household,
    case r.rank
        when 1 then 'joint owners' when 2 then 'address and surname' when 3 then 'address and phone'
        else 'phone and surname'
    end as reason
from components as c
inner join reasons as r on c.id = r.id
"""
_COUNT = "select count(distinct household) from households"
_NOW = "select entity_id, household_id, reason from households"
_SCHEMA = pa.schema([("entity_id", pa.int64()), ("household_id", pa.int64()), ("reason", pa.string())])
# Of clusters that were left alone, the entity is what it was.
_WANTED = """
create or replace table wanted_households as
with known as (
    select cluster, entity_id from entities
    union all
    select distinct cluster, entity_id
    from written.persons
    where cluster in (select cluster from households) and cluster not in (select cluster from entities)
)
select k.entity_id, min(k.entity_id) over (partition by h.household) as household_id, h.reason
from households as h
inner join known as k on h.cluster = k.cluster
"""
_GONE = "select entity_id from households_now anti join wanted_households using (entity_id) order by entity_id"
_CHANGED = "select w.* from (from wanted_households except from households_now) as w order by w.entity_id"
_CHANGED_ENTITIES = f"select entity_id from ({_GONE}) union select entity_id from ({_CHANGED}) order by 1"
_TEMPORARY = "create temporary table {} (entity_id bigint primary key{})"
_DELETE = "delete h from households as h join households_gone as g on h.entity_id = g.entity_id"
_UPSERT = """
insert into households (entity_id, household_id, reason, job_id)
select entity_id, household_id, reason, %s from households_changed
on duplicate key update household_id = values(household_id), reason = values(reason), job_id = values(job_id),
    updated_at = current_timestamp(6)
"""


def read_joint_owners(database: Database, con: duckdb.DuckDBPyConnection) -> None:
    """Make `joint_owners(person_id, related_person_id)`: persons that one source row named together."""
    con.execute("drop table if exists joint_owners")
    with database.connect() as connection:
        fetch(connection, _JOINT, (), con, "joint_owners", _JOINT_SCHEMA)


def find(con: duckdb.DuckDBPyConnection, *, most: int = MOST) -> int:
    """Make `households(cluster, household, reason)` of `clusters`, `base` and `joint_owners`; how many there are.

    A household is named by the lowest of its clusters.
    """
    for statement in con.extract_statements(sql(__package__, "households.sql")):
        con.execute(statement, {"most": most} if statement.named_parameters else None)
    components.connect(con, nodes="household_nodes", edges="household_edges")
    con.execute(_KEEP)
    return int(con.execute(_COUNT).fetchall()[0][0])


def write(connection: Connection[Any], con: duckdb.DuckDBPyConnection, job_id: str, *, compare: bool) -> None:
    """Bring MySQL's `households` to what `households` and `entities(cluster, entity_id)` of `con` say.

    Only differences are written, in the caller's transaction: from what MySQL has (`compare`), or from what the last
    run wrote (`written`).
    """
    if compare:
        con.execute("drop table if exists households_now")
        fetch(connection, _NOW, (), con, "households_now", _SCHEMA)
    else:
        con.execute("create or replace table households_now as from written.households")
    con.execute(_WANTED)
    _apply(connection, con, "households_gone", "", _GONE, ("entity_id",), _DELETE, ())
    columns = ", household_id bigint not null, reason varchar(32) character set ascii not null"
    _apply(connection, con, "households_changed", columns, _CHANGED, _SCHEMA.names, _UPSERT, (job_id,))
    load(connection, con, _CHANGED_ENTITIES, "changed_entities", ("entity_id",))


def _apply(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: str,
    query: str,
    names: Sequence[str],
    statement: str,
    parameters: Sequence[Any],
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"drop temporary table if exists {table}")
        cursor.execute(_TEMPORARY.format(table, columns))
        load(connection, con, query, table, names)
        cursor.execute(statement, parameters)
