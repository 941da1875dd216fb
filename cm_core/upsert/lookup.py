"""Questions to MySQL before resolving: who owns the batch's keys, and what is known of the persons it touches.

Keys go up as temporary tables, indexed joins answer, answers come back as DuckDB tables. Runs inside the caller's
transaction, under the writer lock. Deciding is in `resolve`, writing in `apply`.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection
from sqlalchemy.dialects import mysql
from sqlalchemy.types import BigInteger, Boolean, Date, Integer, SmallInteger

from cm_core.compute import quoted
from cm_core.store import tables
from cm_core.store.bulk import fetch, load

_OWNERS = """
select straight_join '{kind}', c.{column}, p.id, p.entity_type, p.first_key, p.last_key, p.name_suffix,
    p.organization_key, p.date_of_birth, c.source_date
from lookup_{table} as l
join {table} as c on c.{column} = l.contact and c.{valid} is not null
join persons as p on p.id = c.person_id
left join shared_contacts as s on s.kind = '{kind}' and s.contact_key = l.contact
where s.contact_key is null
"""
_RECORD_OWNERS = """
select straight_join 'record', concat(c.id_type, ' ', c.id_value), p.id, p.entity_type, p.first_key, p.last_key,
    p.name_suffix, p.organization_key, p.date_of_birth, c.source_date
from lookup_records as l
join person_identifiers as c on c.id_type = %s and c.id_value = l.contact
join persons as p on p.id = c.person_id
left join shared_contacts as s on s.kind = 'record' and s.contact_key = concat(c.id_type, ' ', c.id_value)
where s.contact_key is null
"""
_SHARED_RECORDS = "select kind, contact_key from shared_contacts where kind = 'record'"
_NAME_OWNERS = """
select straight_join a.name_zip_key, a.person_id, p.date_of_birth, a.source_date
from lookup_names as l
join addresses as a on a.name_zip_key = l.contact
join persons as p on p.id = a.person_id
"""
_KNOWN_SHARED = """
select s.kind, s.contact_key
from shared_contacts as s
join lookup_{table} as l on l.contact = s.contact_key
where s.kind = '{kind}'
"""
_ASSIGNED = "select `row_number`, party_no, person_id, operation from person_sources where import_id = %s"

_OWNER_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("contact", pa.string()),
        ("person_id", pa.int64()),
        ("entity_type", pa.string()),
        ("first_key", pa.string()),
        ("last_key", pa.string()),
        ("name_suffix", pa.string()),
        ("organization_key", pa.string()),
        ("date_of_birth", pa.date32()),
        ("source_date", pa.timestamp("us")),
    ]
)
_NAME_OWNER_SCHEMA = pa.schema(
    [
        ("match_key", pa.string()), ("person_id", pa.int64()), ("date_of_birth", pa.date32()),
        ("source_date", pa.timestamp("us")),
    ]
)  # fmt: skip
_ASSIGNED_SCHEMA = pa.schema(
    [("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64()), ("operation", pa.string())]
)

#: Tables whose current rows a fold needs, and the DuckDB table they come back as.
CURRENT = {
    tables.persons: "current_persons",
    tables.phone_numbers: "current_phones",
    tables.email_addresses: "current_emails",
    tables.addresses: "current_addresses",
    tables.person_identifiers: "current_identifiers",
}


class TablesKnown:
    """What is known, as MySQL's tables have it, through a connection and in its transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def find_owners(self, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
        """See `find_owners`."""
        find_owners(self._connection, con, import_id)

    def fetch_current(self, con: duckdb.DuckDBPyConnection) -> None:
        """See `fetch_current`."""
        fetch_current(self._connection, con)


def find_owners(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Make `owners`, `name_owners`, `known_shared` and `assigned` for the batch's keys.

    Reads `emails`, `phones`, `addresses` and `identifiers` of the batch, by the macros of match classes. Contacts
    listed as shared are not looked up: they may belong to any number of persons and are no keys.
    """
    _answer(connection, _ASSIGNED, (import_id,), con, "assigned", _ASSIGNED_SCHEMA)
    with connection.cursor() as cursor:
        cursor.execute("select exists (select 1 from persons)")
        row = cursor.fetchone()
    if not row or not row[0]:
        _nobody(con)
        return
    upload(
        connection,
        con,
        "lookup_email_addresses",
        "contact varchar(320) character set utf8mb4 collate utf8mb4_bin primary key",
        "select distinct email_key from emails where email is not null",
    )
    upload(
        connection,
        con,
        "lookup_phone_numbers",
        "contact varchar(20) character set ascii collate ascii_bin primary key",
        "select distinct phone_e164 from phones where phone_e164 is not null",
    )
    upload(
        connection,
        con,
        "lookup_names",
        "contact varchar(255) character set ascii collate ascii_bin primary key",
        "select distinct name_zip_key from addresses where name_zip_key is not null",
    )
    _nobody(con)
    shared_schema = pa.schema([("kind", pa.string()), ("contact", pa.string())])
    for kind, table, column, valid in (
        ("email", "email_addresses", "email_key", "email"),
        ("phone", "phone_numbers", "phone_e164", "phone_e164"),
    ):
        query = _OWNERS.format(kind=kind, table=table, column=column, valid=valid)
        _answer(connection, query, (), con, "found", _OWNER_SCHEMA)
        con.execute("insert into owners from found")
        _answer(connection, _KNOWN_SHARED.format(kind=kind, table=table), (), con, "found", shared_schema)
        con.execute("insert into known_shared from found")
    _find_record_owners(connection, con, shared_schema)
    _answer(connection, _NAME_OWNERS, (), con, "name_owners", _NAME_OWNER_SCHEMA)


def _find_record_owners(connection: Connection[Any], con: duckdb.DuckDBPyConnection, shared: pa.Schema) -> None:
    """Owners of the record ids of the batch; where it has none, nobody is asked."""
    types = con.sql("select distinct id_type from identifiers where is_record_id(id_type)").fetchall()
    for (id_type,) in types:
        upload(
            connection,
            con,
            "lookup_records",
            "contact varchar(255) character set utf8mb4 collate utf8mb4_bin primary key",
            f"select distinct id_value from identifiers where id_type = '{quoted(id_type)}'",
        )
        _answer(connection, _RECORD_OWNERS, (id_type,), con, "found", _OWNER_SCHEMA)
        con.execute("insert into owners from found")
    if types:
        _answer(connection, _SHARED_RECORDS, (), con, "found", shared)
        con.execute("insert into known_shared from found")


def _nobody(con: duckdb.DuckDBPyConnection) -> None:
    """The answers of a database without people."""
    for table, schema in (("owners", _OWNER_SCHEMA), ("name_owners", _NAME_OWNER_SCHEMA)):
        con.register("nobody", schema.empty_table())
        con.execute(f"create or replace table {table} as from nobody")
        con.unregister("nobody")
    con.execute("create or replace table known_shared (kind varchar, contact varchar)")


def fetch_current(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> None:
    """Make `current_persons`, `current_phones`, … for the existing persons in `spread`."""
    upload(
        connection,
        con,
        "lookup_persons",
        "id bigint primary key",
        "select distinct person_id from spread where person_id not in (select person_id from assignment where is_new) "
        "order by 1",
    )
    for table, target in CURRENT.items():
        columns = ", ".join(f"t.{column.name}" for column in table.columns)
        owner = "id" if table is tables.persons else "person_id"
        query = f"select straight_join {columns} from lookup_persons as l join {table.name} as t on t.{owner} = l.id"
        _answer(connection, query, (), con, target, arrow_schema(table.name))


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow types of all columns of a MySQL table, in order."""
    kinds = []
    for column in tables.metadata.tables[table].columns:
        if isinstance(column.type, Boolean):
            kind = pa.int8()
        elif isinstance(column.type, SmallInteger):
            kind = pa.int16()
        elif isinstance(column.type, BigInteger | Integer):
            kind = pa.int64()
        elif isinstance(column.type, Date):
            kind = pa.date32()
        elif isinstance(column.type, mysql.DATETIME):
            kind = pa.timestamp("us")
        else:
            kind = pa.string()
        kinds.append((column.name, kind))
    return pa.schema(kinds)


def temporary_like(connection: Connection[Any], name: str, table: str, columns: list[str]) -> None:
    """An empty temporary table with some columns of a permanent one, keyed by id."""
    source = tables.metadata.tables[table]
    dialect = mysql.dialect()
    parts = [f"`{column}` {source.columns[column].type.compile(dialect=dialect)}" for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(f"drop temporary table if exists {name}")
        cursor.execute(f"create temporary table {name} ({', '.join(parts)}, primary key (id))")


def _answer(
    connection: Connection[Any],
    query: str,
    parameters: tuple[Any, ...],
    con: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
) -> None:
    """A MySQL query's result as the DuckDB table `table`, replacing what it held."""
    con.execute(f"drop table if exists {table}")
    fetch(connection, query, parameters, con, table, schema)


def upload(connection: Connection[Any], con: duckdb.DuckDBPyConnection, name: str, columns: str, query: str) -> None:
    """The temporary table `name` in MySQL, filled with what `query` gives in DuckDB for its first column."""
    with connection.cursor() as cursor:
        cursor.execute(f"drop temporary table if exists {name}")
        cursor.execute(f"create temporary table {name} ({columns})")
    load(connection, con, query, name, [columns.split()[0]])
