"""What the last run wrote to MySQL: who stood where, and by what. The next one writes only where that has changed.

Kept as `linkage/written.duckdb` in the lake with the number of the run (`linkage_runs`). If MySQL names another run as
its last, because it was restored, or a run ended between its commit and this file, everybody is compared with MySQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compute import quoted, scratch, sql
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.packets import read_rows

KEY = "linkage/written.duckdb"
#: Form of the file; one of another form is as good as none.
FORM = 1
_LAST_RUN = "select max(id) from linkage_runs"
_MARKS = """
select id, 'golden' from persons where is_manually_verified = 1
union all
select distinct person_id, 'email' from email_addresses where is_verified = 1 and email is not null
union all
select distinct person_id, 'phone' from phone_numbers where is_verified = 1 and phone_e164 is not null
"""
_MARKS_SCHEMA = pa.schema([("person_id", pa.int64()), ("mark", pa.string())])
_EVERYBODY = "create or replace table persons_to_write as select person_id from standings"
_KEEP = """
create table writing.run as select $run::bigint as id, $form::integer as form;
create table writing.marks as from marks;
create table writing.households as from wanted_households;
create table writing.persons as
select s.person_id, s.cluster, s.signature, coalesce(e.entity_id, w.entity_id) as entity_id
from standings as s
left join placed as p on s.person_id = p.id
left join entities as e on p.cluster = e.cluster
left join written.persons as w on s.person_id = w.person_id
"""


@contextmanager
def last(settings: Settings, con: duckdb.DuckDBPyConnection, connection: Connection[Any]) -> Iterator[bool]:
    """What the last run wrote as the catalog `written`, and whether MySQL still has it; if not, it is empty."""
    store = lake(settings)
    run = _last_run(connection)
    with scratch(settings, "linkage") as folder:
        is_known = False
        if run is not None and store.exists(KEY):
            path = store.materialize(KEY, folder)
            con.execute(f"attach '{quoted(path)}' as written (read_only)")
            is_known = con.execute("select id, form from written.run").fetchall() == [(run, FORM)]
            if not is_known:
                con.execute("detach written")
        if not is_known:
            con.execute("attach ':memory:' as written")
            con.execute(sql(__package__, "written.sql"))
        try:
            yield is_known
        finally:
            con.execute("detach written")


def read_marks(database: Database) -> pa.Table:
    """Who is marked as verified by hand, or has a contact that is: person_id, mark.

    The server looks through tables for it; run it beside other work. A mark that comes later is seen by the next run.
    """
    with database.connect() as connection:
        batches = [
            pa.Table.from_arrays([ids.cast(pa.int64()), marks], schema=_MARKS_SCHEMA)
            for ids, marks in read_rows(connection, _MARKS, width=2)
        ]
    return pa.concat_tables([_MARKS_SCHEMA.empty_table(), *batches])


def find_changed(con: duckdb.DuckDBPyConnection, marks: pa.Table, *, everybody: bool) -> int:
    """Make `persons_to_write(person_id)`: members of clusters that may be others than `written` says, or `everybody`.

    Also `standings` and `marks`, which the next run compares with. Returns how many persons there are.
    """
    con.register("marks_arrow", marks)
    con.execute("create or replace table marks as from marks_arrow")
    con.unregister("marks_arrow")
    con.execute(sql(__package__, "written_standings.sql"))
    con.execute(_EVERYBODY if everybody else sql(__package__, "written_changed.sql"))
    return int(con.execute("select count(*) from persons_to_write").fetchall()[0][0])


def keep(settings: Settings, con: duckdb.DuckDBPyConnection, run: int) -> None:
    """Store what was written as that of the run.

    Needs `standings`, `marks`, `placed`, `entities`, `wanted_households`.
    """
    with scratch(settings, "linkage") as folder:
        path = folder / "written.duckdb"
        con.execute(f"attach '{quoted(path)}' as writing")
        try:
            for statement in con.extract_statements(_KEEP):
                named = {"run": run, "form": FORM} if statement.named_parameters else None
                con.execute(statement, named)
        finally:
            con.execute("detach writing")
        lake(settings).take_file(path, KEY)


def _last_run(connection: Connection[Any]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_RUN)
        row = cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])
