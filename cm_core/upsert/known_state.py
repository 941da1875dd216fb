"""The questions before resolving, answered from a StateSink's tables instead of MySQL's: see `lookup`."""

from __future__ import annotations

import duckdb

from cm_core.compute import sql
from cm_core.store import tables
from cm_core.upsert.lookup import CURRENT

_TOUCHED = """
create or replace table touched_persons as
select distinct person_id from spread where person_id not in (select person_id from assignment where is_new)
"""


class StateKnown:
    """What is known, as the schema `state` has it."""

    def find_owners(self, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
        """Make `owners`, `name_owners`, `known_shared` and `assigned` for the batch's keys."""
        con.execute("create or replace table looked_for as select ?::varchar as import_id", [import_id])
        con.execute(sql(__package__, "state_owners.sql"))

    def fetch_current(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make `current_persons`, `current_phones`, … for the existing persons in `spread`."""
        con.execute(_TOUCHED)
        for table, target in CURRENT.items():
            owner = "id" if table is tables.persons else "person_id"
            con.execute(
                f"create or replace table {target} as select t.* from state.{table.name} as t "
                f"semi join touched_persons as p on t.{owner} = p.person_id"
            )
