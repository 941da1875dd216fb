"""From staged do-not-call lists to `dnc_registry`, one transaction per import.

The table keeps numbers that nobody we know has: a suppression waits for its person. What a suppression means for a
channel is decided by the dbt marts, not here; how files become staged rows is `cm_core.imports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance import statements
from cm_core.compliance.applying import ApplyCounts, Finish, Kind, Written, apply, execute
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection


def apply_dnc(settings: Settings, database: Database, import_id: str, *, finish: Finish | None = None) -> ApplyCounts:
    """Bring the staged do-not-call numbers of an import into `dnc_registry`; nothing is ever taken out.

    Keyed by number and list (`source`). Of several dates for one the latest stays, whatever the order of imports.
    A row is inserted (number new to its list), updated (a later listing date) or skipped (known, or repeated in
    the file). Numbers of known people get `dnc_status` 'listed'. The same import again changes nothing.

    Raises WriterBusy, StoreError or DatabaseUnavailable; nothing is changed then.
    """
    return apply(settings, database, import_id, _DNC, finish)


def refresh_contact_status(
    connection: Connection[Any],
    *,
    phone_ids: tuple[int, int] | None = None,
    email_ids: tuple[int, int] | None = None,
    shadow_of: str | None = None,
) -> None:
    """Set `dnc_status` and `opt_out_status` on contact points that came after the list; does not commit.

    Called by whoever inserts contact points, in the same transaction, with the first and last id of each block of
    new rows (None: no new rows of that kind). `shadow_of` is the table whose shadow (`store.shadow`) has new rows only.
    The two columns are for people who look at the tables; the marts read the lists themselves.
    """
    with connection.cursor() as cursor:
        if shadow_of == "phone_numbers":
            cursor.execute(statements.MARK_SHADOW_PHONES)
        if shadow_of == "email_addresses":
            cursor.execute(statements.MARK_SHADOW_EMAILS)
        if phone_ids is not None:
            cursor.execute(statements.MARK_NEW_PHONES, phone_ids)
        if email_ids is not None:
            cursor.execute(statements.MARK_NEW_EMAILS, email_ids)


def _write_dnc(
    connection: Connection[Any], duck: duckdb.DuckDBPyConnection, import_id: str, paths: list[str]
) -> Written:
    execute(connection, statements.CREATE_DNC_STAGED)
    columns = ("phone_e164", "source", "listing_date")
    load(connection, duck, statements.STAGED_DNC, "dnc_staged", columns, params=(paths,))
    updated = execute(connection, statements.UPDATE_DNC_DATES)
    inserted = execute(connection, statements.INSERT_DNC, import_id=import_id)
    execute(connection, statements.CONFIRM_DNC, import_id=import_id)
    return Written(inserted, updated, marked=execute(connection, statements.MARK_PHONES_OF_STAGED))


_DNC = Kind("dnc", "dnc_registry", "phone_numbers.dnc_status", _write_dnc)
