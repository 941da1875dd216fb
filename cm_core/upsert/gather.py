"""The staged rows of whole persons, from all their imports: what `split` and `withdraw` fold anew."""

from __future__ import annotations

import duckdb

from cm_core.imports.staged import read_staged
from cm_core.settings import Settings
from cm_core.upsert.write import STAGED


def gather_rows(settings: Settings, con: duckdb.DuckDBPyConnection, parts: dict[str, tuple[int, ...]]) -> None:
    """The staged rows of the persons concerned, from all their imports, under one numbering."""
    con.execute(
        "create or replace table move_rows as "
        "select *, dense_rank() over (order by import_id, row_number) as number from moves"
    )
    for position, (import_id,) in enumerate(
        con.execute("select distinct import_id from moves order by import_id").fetchall()
    ):
        read_staged(settings, con, import_id, STAGED, prefix="one_", parts=parts.get(import_id, (0,)))
        for table in STAGED:
            query = (
                f"select s.* exclude (import_id) replace (m.number as row_number) from one_{table} as s "
                "inner join move_rows as m on m.import_id = s.import_id and m.row_number = s.row_number "
                "and m.party_no = s.party_no"
            )
            verb = f"insert into {table} by name" if position else f"create or replace table {table} as"
            con.execute(f"{verb} {query}")
