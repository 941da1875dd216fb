"""What lists of contacts say about whom not to contact: from their staged marks to listings, opt-outs and facts.

A list is no registry and no request. But who is marked in it is not contacted on its account: a number that it calls
listed is a listing of the list REPORTED (docs/adr/0036), a person that it calls not to be contacted has opted out, and
litigators and the deceased are facts like those of lists of their own. All of it is permanent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import fact_statements, statements
from cm_core.compliance.applying import execute
from cm_core.compliance.contact_facts import add_facts, add_opt_outs
from cm_core.compliance.dnc import report_numbers
from cm_core.compute import sql
from cm_core.imports import records
from cm_core.store.bulk import load

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: The source of opt-outs and facts that a list of contacts says.
SOURCE = "contact_list"
_READ = "create or replace table said_marks as select distinct * from read_parquet(?, union_by_name = true)"
_PARAMETERS = (
    "create or replace table mark_parameters as select ?::timestamp as file_date, ?::timestamp as arrived, ? as source"
)
_OPT_OUTS = "select * exclude (is_dated) from marked_opt_outs order by fact_no"
_DATED = "select fact_no from marked_opt_outs where is_dated order by fact_no"
_LISTED = "select distinct key as phone_e164 from said_marks where mark = 'dnc'"


@dataclass(frozen=True)
class Marked:
    """How much that was not known a list brought: opt-outs and facts by source rows, listings by numbers."""

    opt_outs: int = 0
    facts: int = 0
    listings: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return self.opt_outs + self.facts + self.listings


def apply_marks(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    paths: Sequence[str],
    *,
    file_date: datetime,
    arrived: datetime,
) -> Marked:
    """Add what the staged files `marks` of an import say and nobody knows, and log how much it was.

    In the caller's transaction, under the writer lock. Before the people of the list are in the tables or after, the
    verdicts are the same: a suppression waits for its person. Again, it changes nothing. Who is marked by the next
    list, too, has not asked again, unless they have consented anew in between.
    """
    con.execute(_READ, [list(paths)])
    con.execute(_PARAMETERS, [file_date, arrived, SOURCE])
    con.execute(sql("cm_core.imports", "suppression_words.sql"))
    con.execute(sql(__package__, "list_marks.sql"))
    execute(connection, statements.DROP_TEMPORARY_TABLES)
    marked = Marked(
        _add_opt_outs(connection, con, import_id),
        _add_facts(connection, con, import_id),
        report_numbers(connection, con, _LISTED, import_id, file_date),
    )
    execute(connection, statements.DROP_TEMPORARY_TABLES)
    for table, count in (
        ("opt_outs", marked.opt_outs),
        ("contact_facts", marked.facts),
        ("dnc_registry", marked.listings),
    ):
        if count:
            records.audit(connection, import_id, "INSERT", count, table)
    return marked


def _add_opt_outs(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> int:
    execute(connection, fact_statements.CREATE_OPT_OUTS_STAGED)
    if not load(connection, con, _OPT_OUTS, "opt_outs_staged", fact_statements.OPT_OUT_COLUMNS):
        return 0
    for statement in fact_statements.KNOWN_WHILE_IN_FORCE:
        execute(connection, statement)
    load(connection, con, _DATED, "dated_requests", ("fact_no",))
    execute(connection, fact_statements.DATED_ARE_THEIR_OWN)
    added = add_opt_outs(connection, import_id)
    execute(connection, fact_statements.MARK_EMAILS_OF_STAGED)
    return added


def _add_facts(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> int:
    execute(connection, fact_statements.CREATE_FACTS_STAGED)
    if not load(connection, con, fact_statements.STAGED_FACTS, "facts_staged", fact_statements.FACT_COLUMNS):
        return 0
    return add_facts(connection, import_id)
