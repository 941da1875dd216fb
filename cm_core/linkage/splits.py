"""Persons whose source rows no longer share a key, found over all rows at once and taken apart before linking.

An exact key that joined two rows may have lost its force since: other rows showed that many carry it. Without this,
who is one person would depend on which rows came first. How a person is taken apart is `cm_core.upsert`.
"""

from __future__ import annotations

import duckdb

from cm_core import upsert
from cm_core.compute import sql
from cm_core.linkage import components
from cm_core.settings import Settings
from cm_core.store.database import Database

_LOADED = """
update {table} as t set person_id = m.person_id from moved_rows as m where t.row_id = m.row_id
"""
_ROWS = (
    "source_parties", "source_phones", "source_emails", "source_addresses", "source_identifiers", "identities",
)  # fmt: skip


def split(settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, job_id: str) -> int:
    """Split `dirty_persons` whose rows are not connected by their facts; returns how many new persons there are.

    `base`, the `source_*` tables and `identities` follow, so that what is built of them afterwards sees the persons as
    they are now.
    """
    con.execute(sql(__package__, "splits_nodes.sql"))
    components.connect(con, nodes="split_nodes", edges="split_edges")
    con.execute(sql(__package__, "splits_moves.sql"))
    count = upsert.split_persons(settings, database, con, job_id)
    if count:
        con.execute(sql(__package__, "splits_moved.sql"))
        for table in _ROWS:
            con.execute(_LOADED.format(table=table))
    return count
