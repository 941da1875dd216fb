"""From a text file to staged campaigns or touchpoints. Whose touchpoint it is decides `cm_core.touchpoints`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import duckdb

from cm_core.compute import sql
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.mapping import Mapping, Use
from cm_core.imports.staging import Counts, keep_raw, settle_findings, stage_people, value_of

_PACKAGE = "cm_core.imports"
_CAMPAIGN_FIELDS = ("code", "name", "type", "start_date", "end_date")
_TOUCHPOINT_FIELDS = (
    "touchpoint_date", "touchpoint_time", "touchpoint_type", "direction", "campaign_code", "campaign_name", "status",
    "external_id", "source", "cost", "duration", "kind", "subject", "agent", "note", "details",
)  # fmt: skip
#: The other end of a call or message, by direction, as columns of their own: what it looks like decides what it is.
_WITH_OTHER_END = """
create or replace table source as
select * exclude (other_end),
    case when contains(other_end, '@') then other_end end as c{email},
    case when not contains(other_end, '@') and length(regexp_replace(other_end, '[^0-9]', '', 'g')) >= 7
        then other_end end as c{phone},
    case when not contains(other_end, '@') and length(regexp_replace(other_end, '[^0-9]', '', 'g')) < 7
        then other_end end as c{name}
from (
    select *, case when direction_of({direction}, {type}, ?) = 'inbound' then {sender} else {recipient} end as other_end
    from source
)
"""


def stage_campaigns(
    con: duckdb.DuckDBPyConnection, feed: Feed, mapping: Mapping, headers: Sequence[str], file_date: datetime
) -> Counts:
    """Make `campaigns(row_number, campaign_key, code, name, type, start_date, end_date, source_date)` of `source`.

    A row without a code or a name is rejected and reported; a channel or a date that is none is reported and left out.
    """
    keep_raw(con, headers)
    columns = ", ".join(f"{value_of(mapping.one(name))} as {name}_raw" for name in _CAMPAIGN_FIELDS)
    con.execute(f"create or replace view campaigns_in as select row_number, {columns} from source")
    con.execute("create or replace table campaign_parameters (file_date timestamp, default_type varchar)")
    con.execute("insert into campaign_parameters values (?, ?)", [file_date, feed.defaults.get("type")])
    con.execute(sql(_PACKAGE, "touchpoint_words.sql"))
    con.execute(sql(_PACKAGE, "dates.sql"))
    con.execute(sql(_PACKAGE, "stage_campaigns.sql"))
    return settle_findings(con)


def stage_touchpoints(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    mapping: Mapping,
    headers: Sequence[str],
    file_date: datetime,
) -> Counts:
    """Make `touchpoints` of `source`, one per row: what happened, and the contact keys that its person is found by.

    Names, phones and addresses are standardised as those of a contacts list, so that the keys are the same. A row is
    rejected that names nobody (unless the feed says `may_name_nobody`: a log is complete, whoever called), or whose
    time or channel is not understood: a default would be an invented contact.
    """
    con.execute(sql(_PACKAGE, "touchpoint_words.sql"))
    defaults = (feed.defaults.get("source", feed.name), feed.defaults.get("type"), feed.defaults.get("direction"))
    people = _with_other_end(con, mapping, len(headers), defaults[2])
    stage_people(con, people, headers, file_date)
    columns = ", ".join(f"{value_of(mapping.one(name))} as {name}_raw" for name in _TOUCHPOINT_FIELDS)
    con.execute(f"create or replace view touchpoints_in as select row_number, {columns} from source")
    con.execute(
        "create or replace table touchpoint_parameters "
        "(file_date timestamp, default_source varchar, default_type varchar, default_direction varchar, "
        "may_name_nobody boolean)"
    )
    con.execute(
        "insert into touchpoint_parameters values (?, ?, ?, ?, ?)", [file_date, *defaults, feed.may_name_nobody]
    )
    con.execute(sql(_PACKAGE, "stage_touchpoints.sql"))
    return settle_findings(con)


def _with_other_end(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, width: int, default_direction: str | None
) -> Mapping:
    """The mapping with the person's end of `from` and `to` as an e-mail address, a phone or a name."""
    sender, recipient = mapping.one("from_contact"), mapping.one("to_contact")
    if sender is None and recipient is None:
        return mapping
    email, phone, name = width, width + 1, width + 2
    con.execute(
        _WITH_OTHER_END.format(
            email=email,
            phone=phone,
            name=name,
            direction=value_of(mapping.one("direction")),
            type=value_of(mapping.one("touchpoint_type")),
            sender=value_of(sender),
            recipient=value_of(recipient),
        ),
        [default_direction],
    )
    headers = tuple(header for use in (sender, recipient) if use for header in use.headers)
    uses = [
        *(use for use in mapping.uses if use.field != "full_name"),
        Use("email", (email,), headers, "direction"),
        Use("phone", (phone,), headers, "direction"),
        _or(mapping.one("full_name"), Use("full_name", (name,), headers, "direction")),
    ]
    return replace(mapping, uses=tuple(uses))


def _or(first: Use | None, second: Use) -> Use:
    """The first use, and where it is blank the second."""
    if first is None:
        return second
    return replace(first, columns=(*first.columns, *second.columns), headers=(*first.headers, *second.headers))
