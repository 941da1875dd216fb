"""People whose data was deleted, and their source rows, which the lake still has: nothing of them comes back.

Whoever reads staged rows of an import again, or gathers those of a person, asks here first. Who is deleted and why is
`cm_core.compliance.privacy`; that new rows of them are not even staged, `cm_core.imports.forgotten`.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.store.bulk import fetch

_ERASED = "from contact_facts as f {join} where f.fact = 'privacy_deletion' and f.value = 'erased'"
_PERSONS = f"select distinct f.person_id {_ERASED.format(join='')}"
_PERSONS_SCHEMA = pa.schema([("person_id", pa.int64())])
_JOIN = "inner join person_sources as s on s.person_id = f.person_id and s.import_id = %s"
_ROWS = f"select distinct s.`row_number`, s.party_no {_ERASED.format(join=_JOIN)}"
_ROWS_SCHEMA = pa.schema([("row_number", pa.int64()), ("party_no", pa.int16())])
_KEPT = """
create or replace table kept_{table} as select * from {table} anti join erased_rows using (row_number, party_no);
create or replace view {table} as from kept_{table};
"""
_NAMELESS = """
create or replace table kept_parties as
select * from parties anti join erased_rows using (row_number, party_no)
union all
select * replace (
    null as name_prefix, null as first_name, null as middle_name, null as last_name, null as name_suffix,
    null as organization_name, null as first_key, null as last_key, null as organization_key, null as date_of_birth
)
from parties semi join erased_rows using (row_number, party_no);
create or replace view parties as from kept_parties;
"""


def empty_rows(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Take out of the staged tables of an import what rows say that are a deleted person's already.

    The rows themselves stay, since they are counted.
    """
    con.execute("drop table if exists erased_rows")
    if not fetch(connection, _ROWS, (import_id,), con, "erased_rows", _ROWS_SCHEMA):
        return
    for table in ("phones", "emails", "addresses", "identifiers"):
        con.execute(_KEPT.format(table=table))
    con.execute(_NAMELESS)


def leave_persons(connection: Connection[Any], con: duckdb.DuckDBPyConnection, *tables: str) -> None:
    """Take the rows of deleted persons out of DuckDB tables with a `person_id`: they are not folded anew."""
    con.execute("drop table if exists erased_persons")
    if fetch(connection, _PERSONS, (), con, "erased_persons", _PERSONS_SCHEMA):
        for table in tables:
            con.execute(f"delete from {table} where person_id in (select person_id from erased_persons)")
