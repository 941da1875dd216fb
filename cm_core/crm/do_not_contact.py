"""Which channels a person may not be contacted on at all, out of the canonical tables as they are at the moment.

What a salesperson sees beside a name has to be about the person, not about one of its numbers, and has to be there at
once, not after the next build of the marts. So it is wider than a verdict and never narrower: a request by any contact
point that the person has counts for the person, except where too many surnames share that contact point. Facts about
persons (deceased, data deleted, no mail) count where they name the person or somebody who alone has the contact point.
Which of them blocks which channel is in the rules of compliance. Do-not-call lists are not in it: they are about
numbers, and change; the fields of verdicts say what they say.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance.rules import CHANNELS, Rules
from cm_core.compute import sql
from cm_core.crm import do_not_contact_statements as statements
from cm_core.store.bulk import fetch

if TYPE_CHECKING:
    from pymysql.connections import Connection

_PURPOSE = "solicitation"
#: What each kind of saying is called by the rules.
_REASONS = {
    "opt_out": "opt_out_person", "litigator": "litigator", "deceased": "deceased",
    "mail_suppression": "mail_suppression", "privacy_deletion": "privacy_deleted",
}  # fmt: skip
_OTHER_CHANNEL = {"call": "sms", "sms": "call"}

_SAID = pa.schema(
    [
        ("entity_id", pa.int64()), ("said", pa.string()), ("channel", pa.string()), ("kind", pa.string()),
        ("contact_key", pa.string()), ("at", pa.timestamp("us")), ("ends_at", pa.timestamp("us")),
        ("holders", pa.int64()),
    ]
)  # fmt: skip


def channels_closed(connection: Connection[Any], con: duckdb.DuckDBPyConnection, rules: Rules, *, at: datetime) -> None:
    """Make the DuckDB table `do_not_contact` (entity_id, channels, reasons) of the entities in the MySQL table
    `crm_wanted`: the channels (sorted) that are closed to them at `at` (naive UTC), and why. Others have no row.
    """
    con.execute("drop table if exists said")
    with connection.cursor() as cursor:
        for statement in statements.MEMBERS:
            cursor.execute(statement)
    for statement in statements.SAID:
        fetch(connection, statement, (), con, "said", _SAID)
    blocks = [
        (said, channel)
        for channel in CHANNELS
        for said, reason in _REASONS.items()
        if (rule := rules.active(channel, _PURPOSE, at.date()).get(reason)) and rule.verdict == "blocked"
    ]
    other = [
        (channel, _OTHER_CHANNEL[channel])
        for channel in _OTHER_CHANNEL
        if "opt_out_other_channel" in rules.active(channel, _PURPOSE, at.date())
    ]
    con.execute("create or replace table blocks (said varchar, channel varchar)")
    con.execute("create or replace table other_channels (channel varchar, asked_on varchar)")
    con.executemany("insert into blocks values (?, ?)", blocks)
    if other:
        con.executemany("insert into other_channels values (?, ?)", other)
    con.execute(sql("cm_core.crm", "do_not_contact.sql"), {"at": at})
