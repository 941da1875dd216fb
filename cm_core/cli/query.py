"""`cm sql`: one statement as a user who may only read."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing

import pymysql
from pymysql.cursors import SSCursor

from cm_core.cli import output
from cm_core.errors import CmError, UsageError
from cm_core.settings import Settings
from cm_core.store import open_readonly

#: First words of what reads. MariaDB's `set statement` and `begin not atomic` would end a READ ONLY session.
_READS = ("select", "with", "show", "describe", "desc", "explain", "table", "values")
# Comments as both servers have them; what stands in `/*! */` or `/*M! */` is executed and is none.
_FIRST_WORD = re.compile(r"(?:\s|\(|#[^\n]*\n|--(?=\s)[^\n]*\n|/\*(?!M?!).*?\*/)*+(\w*)", re.DOTALL)
#: A table for people stops here; csv and json print everything.
_TABLE_ROWS = 1000


def run(settings: Settings, query: str, form: str) -> None:
    """Run `query` and print its rows as `table`, `csv` or `json`.

    Raises CmError if it is no statement that reads, else with the server's own words.
    """
    if not only_reads(query):
        raise CmError(f"cm sql takes one statement that reads: it begins with {', '.join(_READS)}.")
    database = open_readonly(settings)
    try:
        with closing(database.connect()) as connection, connection.cursor(SSCursor) as cursor:
            cursor.execute(query)
            columns = [str(column[0]) for column in cursor.description or ()]
            _show(cursor, columns, form)
    except pymysql.MySQLError as error:
        raise CmError(f"The query failed: {error.args[-1] if error.args else error}") from None


def only_reads(query: str) -> bool:
    """Whether the statement is of a kind that reads; that it writes nothing all the same is the session's to see to."""
    found = _FIRST_WORD.match(query)
    return found is not None and found[1].lower() in _READS


def _show(cursor: SSCursor, columns: list[str], form: str) -> None:
    if form == "csv":
        output.print_csv(columns, iter(cursor.fetchone, None))
    elif form == "json":
        if repeated := sorted(name for name, times in Counter(columns).items() if times > 1):
            raise UsageError(
                f"Several columns are called {', '.join(repeated)}, and JSON has room for one: give each a name of its "
                "own (select a as b), or take --format csv."
            )
        output.print_json([dict(zip(columns, row, strict=True)) for row in cursor.fetchall()])
    else:
        rows = cursor.fetchmany(_TABLE_ROWS)
        output.print_table(columns, rows)
        if cursor.fetchone() is not None:
            output.out.print(f"The first {_TABLE_ROWS} rows; --format csv prints all.")
