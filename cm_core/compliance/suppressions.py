"""The marks of do-not-call lists and opt-outs on contact points: `dnc_status` and `opt_out_status`.

What a suppression means for a channel is decided by the dbt marts, not here. Do-not-call lists are brought into force
by `dnc`, opt-outs by `fact_lists`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cm_core.compliance import statements

if TYPE_CHECKING:
    from pymysql.connections import Connection


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
