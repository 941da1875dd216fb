"""How far requests and facts have come: a mark that moves with each new one."""

from __future__ import annotations

from contextlib import closing

from cm_core.store.database import Database

_NEWEST = """
select
    (select coalesce(max(id), 0) from opt_outs),
    (select coalesce(max(id), 0) from contact_facts)
"""


def suppressions_mark(database: Database) -> str:
    """Where opt-outs and facts end: `opt-out 12, fact 7`. Another mark means that there are new ones."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        row = cursor.fetchone() or (0, 0)
    return f"opt-out {int(row[0])}, fact {int(row[1])}"
