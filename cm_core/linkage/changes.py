"""Which rows belong to whom now, against the last run: the rows that are new, gone, with another person, or read anew.

Every import, withdrawal, replay and split moves rows between persons in MySQL. The server sums the rows up by chunks;
only chunks whose sum has changed are read and compared, row by row.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import sql
from cm_core.imports.replay_log import all_applied_parts
from cm_core.linkage.base import has_rows
from cm_core.linkage.source import OWNERSHIP, OWNERSHIP_SCHEMA, row_id
from cm_core.store.bulk import fetch
from cm_core.store.database import Database

#: Rows of an import that are summed up together, as a power of two.
CHUNK_BITS = 12
#: Beyond so many chunks of an import, all of it is read.
_MOST_RANGES = 200
# The product makes the sum notice rows that change places, which a sum of hashes of pairs might not.
_CHUNKS = f"""
select import_id, `row_number` >> {CHUNK_BITS} as chunk, count(*) as row_count,
    cast(sum(cast(crc32(concat(`row_number`, ',', party_no)) as unsigned) * person_id) as char) as checksum
from person_sources
group by import_id, chunk
"""
_CHUNKS_SCHEMA = pa.schema(
    [("import_id", pa.string()), ("chunk", pa.int64()), ("row_count", pa.int64()), ("checksum", pa.string())]
)
_IN_CHUNK = f"(`row_number` >= %s << {CHUNK_BITS} and `row_number` < %s << {CHUNK_BITS})"
_TO_READ = """
select import_id, list(chunk order by chunk), count(*) = any_value(chunks)
from changed_chunks
inner join (select import_id, count(*) as chunks from chunks_now group by import_id) using (import_id)
group by import_id
order by import_id
"""
_ROW_ID = row_id("i.import_no", "r.row_number", "r.party_no")
_ALL_NEW = f"""
insert into base.owned
select {_ROW_ID}, r.person_id from read_rows as r inner join base.imports as i on r.import_id = i.import_id;
create or replace table changed_rows as select row_id from base.owned;
create or replace table changed_persons as select distinct person_id from base.owned;
drop table read_rows;
"""
_AS_READ = """
insert into base.owned select row_id, person_id from source_parties;
create or replace table changed_rows as select row_id from source_parties;
create or replace table changed_persons as select distinct person_id from source_parties;
"""


def read_changes(database: Database, con: duckdb.DuckDBPyConnection) -> int:
    """Make `changed_rows(row_id)` and `changed_persons(person_id)`, and bring `base.owned` up to date.

    All parties of a row have changed if one has. `changed_persons` are those who have or had such a row. Returns the
    number of rows.
    """
    parts = all_applied_parts(database)
    con.execute("drop table if exists chunks_now")
    con.execute("drop table if exists read_rows")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("start transaction with consistent snapshot")
        fetch(connection, _CHUNKS, (), con, "chunks_now", _CHUNKS_SCHEMA)
        named = pa.table({"import_id": list(parts), "parts": [repr(numbers) for numbers in parts.values()]})
        con.register("parts_arrow", named.cast(pa.schema([("import_id", pa.string()), ("parts", pa.string())])))
        con.execute(sql(__package__, "changes_chunks.sql"))
        con.unregister("parts_arrow")
        _read(connection, con)
    if has_rows(con, "base.owned"):
        for statement in con.extract_statements(sql(__package__, "changes.sql").replace("$row_id", _ROW_ID)):
            con.execute(statement, {"bits": CHUNK_BITS} if statement.named_parameters else None)
    else:
        con.execute(_ALL_NEW)
    return int(con.execute("select count(*) from changed_rows").fetchall()[0][0])


def everything(con: duckdb.DuckDBPyConnection) -> None:
    """Make `changed_rows` and `changed_persons` of all rows of `source_parties`, which an empty `base` then owns."""
    con.execute(_AS_READ)


def _read(connection: Connection, con: duckdb.DuckDBPyConnection) -> None:
    """`read_rows`: the rows of the changed chunks, perhaps with others of the same imports."""
    con.register("nothing", OWNERSHIP_SCHEMA.empty_table())
    con.execute("create table read_rows as from nothing")
    con.unregister("nothing")
    wanted = con.execute(_TO_READ).fetchall()
    (imports,) = con.execute("select count(distinct import_id) from chunks_now").fetchall()[0]
    if len(wanted) == imports and all(whole for *_, whole in wanted):
        fetch(connection, OWNERSHIP, (), con, "read_rows", OWNERSHIP_SCHEMA)
        return
    for import_id, chunks, whole in wanted:
        where, values = "import_id = %s", [import_id]
        ranges = _ranges(chunks)
        if not whole and len(ranges) <= _MOST_RANGES:
            where += f" and ({' or '.join([_IN_CHUNK] * len(ranges))})"
            values += [bound for first, last in ranges for bound in (first, last + 1)]
        fetch(connection, f"{OWNERSHIP} where {where}", values, con, "read_rows", OWNERSHIP_SCHEMA)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers: [1, 2, 5] is (1, 2) and (5, 5)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
