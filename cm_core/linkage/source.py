"""Where linkage reads from: which person every staged row became (MySQL), and what the rows say (the lake).

Working from rows, not from the persons that imports built of them, makes the outcome independent of the order in which
the imports came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from cm_core.errors import StoreError
from cm_core.imports.replay_log import all_applied_parts
from cm_core.imports.staged import staged_paths
from cm_core.linkage.base import has_rows
from cm_core.settings import Settings
from cm_core.store.bulk import fetch
from cm_core.store.database import Database


def row_id(import_no: str, row_number: str, party_no: str) -> str:
    """SQL for the number that a row goes by (`base.sql`), of the three expressions."""
    return f"((({import_no})::bigint << 40) | (({row_number})::bigint << 8) | ({party_no})::bigint)"


OWNERSHIP = "select import_id, `row_number`, party_no, person_id from person_sources"
_OWNERSHIP_OF = f"{OWNERSHIP} where person_id in %s"
OWNERSHIP_SCHEMA = pa.schema(
    [("import_id", pa.string()), ("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64())]
)
_ROW_IMPORTS = """
create or replace table row_imports as
select import_id, row_number() over (order by import_id) as import_no
from (select distinct import_id from owned_rows)
"""
_PERSON_ROWS = f"""
create or replace table person_rows as
select {row_id("i.import_no", "o.row_number", "o.party_no")} as row_id, o.*, i.import_no
from owned_rows as o
inner join row_imports as i on o.import_id = i.import_id
"""
_OWN_IMPORTS = "create or replace table row_imports as select import_id, import_no from base.imports"
_OWN_ROWS = """
create or replace table person_rows as
select
    row_id, person_id, row_id >> 40 as import_no, (row_id >> 8) & 4294967295 as row_number,
    (row_id & 255)::smallint as party_no
from base.owned
where {which}
"""
_IMPORTS = "select import_id from row_imports semi join person_rows using (import_no) order by import_id"
_TABLES = {
    "parties": "t.source_date, t.entity_type, t.middle_name, t.name_suffix, t.first_key, t.last_key, "
    "t.organization_key, t.date_of_birth",
    "phones": "t.phone_e164, t.phone_type",
    "emails": "t.email_key",
    "addresses": "t.address_key, t.street, t.zip",
    "identifiers": "t.id_type, t.id_value",
}
_VALID = {"phones": "t.phone_e164 is not null", "emails": "t.email is not null"}
_LOAD = """
create or replace table {prefix}{table} as
select p.row_id, p.person_id, {columns}
from read_parquet($files, union_by_name = true) as t
inner join row_imports as i on t.import_id = i.import_id
inner join person_rows as p
    on i.import_no = p.import_no and t.row_number = p.row_number and t.party_no = p.party_no
where {valid}
"""
_EMPTY = """
create or replace table source_parties (
    row_id bigint, person_id bigint, source_date timestamp, entity_type varchar, middle_name varchar,
    name_suffix varchar, first_key varchar, last_key varchar, organization_key varchar, date_of_birth date
);
create or replace table source_phones (row_id bigint, person_id bigint, phone_e164 varchar, phone_type varchar);
create or replace table source_emails (row_id bigint, person_id bigint, email_key varchar);
create or replace table source_addresses (
    row_id bigint, person_id bigint, address_key varchar, street varchar, zip varchar
);
create or replace table source_identifiers (row_id bigint, person_id bigint, id_type varchar, id_value varchar);
"""


def read_sources(settings: Settings, database: Database, con: duckdb.DuckDBPyConnection) -> None:
    """Make `source_parties`, `_phones`, `_emails`, `_addresses` and `_identifiers` of the rows in `person_rows`.

    Each is a staged row with its number and the person it became. Raises StoreError if an import's rows are not in
    the lake.
    """
    if not has_rows(con, "person_rows"):
        con.execute(_EMPTY)
        return
    read_rows(settings, database, con, _TABLES, prefix="source_", valid=_VALID)


def own_rows(con: duckdb.DuckDBPyConnection, which: str) -> None:
    """Make `person_rows`, the rows of `base.owned` that fulfil the condition `which`, and `row_imports`."""
    con.execute(_OWN_IMPORTS)
    con.execute(_OWN_ROWS.format(which=which))


def rows_of(database: Database, con: duckdb.DuckDBPyConnection, persons: Sequence[int]) -> int:
    """Make `person_rows`, the rows of `persons`, and `row_imports`, as the database has them. Returns how many rows."""
    con.execute("drop table if exists owned_rows")
    with database.connect() as connection:
        count = fetch(connection, _OWNERSHIP_OF, (tuple(persons),), con, "owned_rows", OWNERSHIP_SCHEMA)
    con.execute(_ROW_IMPORTS)
    con.execute(_PERSON_ROWS)
    return count


def read_rows(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    *,
    prefix: str,
    valid: Mapping[str, str],
) -> None:
    """Make a table of each staged table of `tables` for the rows of `person_rows`, of which there must be some.

    `tables` gives the columns of each (of `t`, or of `p`, the row), `valid` a condition on its rows. Files are read
    where their row groups may have one of the rows. Raises StoreError if an import's rows are not in the lake.
    """
    imports = [str(row[0]) for row in con.execute(_IMPORTS).fetchall()]
    parts = all_applied_parts(database)
    for table, columns in tables.items():
        files = []
        for import_id in imports:
            try:
                files += staged_paths(settings, import_id, table, parts.get(import_id, (0,)))
            except StoreError as error:
                raise StoreError(
                    f"Staged rows of import {import_id} are missing. {error} Run the import again."
                ) from None
        statement = _LOAD.format(prefix=prefix, table=table, columns=columns, valid=valid.get(table, "true"))
        con.execute(statement, {"files": files})
