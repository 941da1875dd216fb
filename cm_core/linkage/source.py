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
from cm_core.settings import Settings
from cm_core.store.bulk import fetch
from cm_core.store.database import Database

_OWNERSHIP = "select import_id, `row_number`, party_no, person_id from person_sources"
_OWNERSHIP_OF = f"{_OWNERSHIP} where person_id in %s"
_OWNERSHIP_SCHEMA = pa.schema(
    [("import_id", pa.string()), ("row_number", pa.int64()), ("party_no", pa.int16()), ("person_id", pa.int64())]
)
_IMPORTS = "select distinct import_id from person_rows order by import_id"
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
select p.person_id, p.import_id, p.row_number, p.party_no, {columns}
from read_parquet($files, union_by_name = true) as t
inner join person_rows as p
    on t.import_id = p.import_id and t.row_number = p.row_number and t.party_no = p.party_no
where {valid}
"""
_EMPTY = """
create or replace table source_parties (
    person_id bigint, import_id varchar, row_number bigint, party_no smallint, source_date timestamp,
    entity_type varchar, middle_name varchar, name_suffix varchar, first_key varchar, last_key varchar,
    organization_key varchar, date_of_birth date
);
create or replace table source_phones (
    person_id bigint, import_id varchar, row_number bigint, party_no smallint, phone_e164 varchar, phone_type varchar
);
create or replace table source_emails (
    person_id bigint, import_id varchar, row_number bigint, party_no smallint, email_key varchar
);
create or replace table source_addresses (
    person_id bigint, import_id varchar, row_number bigint, party_no smallint, address_key varchar, street varchar,
    zip varchar
);
create or replace table source_identifiers (
    person_id bigint, import_id varchar, row_number bigint, party_no smallint, id_type varchar, id_value varchar
);
"""


def read_sources(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, *, persons: Sequence[int] | None = None
) -> int:
    """Make `source_parties`, `_phones`, `_emails`, `_addresses` and `_identifiers` in `con`; returns the parties.

    Each row is a staged row with the person it became; with `persons`, only their rows are read. Raises StoreError if
    an import's rows are not in the lake.
    """
    if not own_rows(database, con, persons=persons):
        con.execute(_EMPTY)
        return 0
    read_rows(settings, database, con, _TABLES, prefix="source_", valid=_VALID)
    return int(con.execute("select count(*) from source_parties").fetchall()[0][0])


def own_rows(database: Database, con: duckdb.DuckDBPyConnection, *, persons: Sequence[int] | None = None) -> int:
    """Make `person_rows` in `con`: which person every staged row became, or the rows of `persons` alone.

    Returns how many there are.
    """
    con.execute("drop table if exists person_rows")
    query, params = (_OWNERSHIP, ()) if persons is None else (_OWNERSHIP_OF, (tuple(persons),))
    with database.connect() as connection:
        return fetch(connection, query, params, con, "person_rows", _OWNERSHIP_SCHEMA)


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

    `tables` gives the columns of each (of `t`), `valid` a condition on its rows. Files are read where their row groups
    may have one of the rows. Raises StoreError if an import's rows are not in the lake.
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
