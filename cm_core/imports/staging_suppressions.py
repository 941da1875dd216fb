"""From a text file to staged do-not-call numbers. What they mean for people is `cm_core.compliance`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from cm_core.compute import sql
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.mapping import Mapping
from cm_core.imports.staging import Counts, keep_raw, phones_of, settle_findings, standardise, value_of

#: A list is of one date: its file's.
_ROWS_DATED = (
    "create or replace view rows_dated as "
    "select r.row_number, p.file_date as source_date from source_rows as r, parameters as p"
)


def stage_dnc(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    mapping: Mapping,
    headers: Sequence[str],
    file_date: datetime,
) -> Counts:
    """Make `dnc(row_number, number, listing_date, source, action, changed_at)` of `source`; see `stage_dnc.sql`.

    A row without a full number is rejected, and one of a change list that does not say A or D.
    """
    keep_raw(con, headers)
    phone, number = value_of(mapping.one("phone")), value_of(mapping.one("number"))
    raw = f"coalesce({phone}, concat({value_of(mapping.one('area_code'))}, {number}), {number})"
    con.execute(
        f"create or replace view suppressions_in as select row_number, {raw} as raw, "
        f"{value_of(mapping.one('listing_date'))} as date_raw, {value_of(mapping.one('action'))} as action_raw, "
        f"{value_of(mapping.one('source'))} as source_raw from source"
    )
    con.execute(
        "create or replace table parameters (file_date timestamp, default_source varchar, is_change_list boolean)"
    )
    is_change_list = mapping.one("action") is not None
    con.execute("insert into parameters values (?, ?, ?)", [file_date, list_name(feed), is_change_list])
    _standardise_phones(con)
    con.execute(sql("cm_core.imports", "dates.sql"))
    con.execute(sql("cm_core.imports", "stage_dnc.sql"))
    con.execute(_ROWS_DATED)
    return settle_findings(con)


def list_name(feed: Feed) -> str:
    """The do-not-call list that rows of the feed are of, where they do not say."""
    return feed.defaults.get("source", feed.name)


def _standardise_phones(con: duckdb.DuckDBPyConnection) -> None:
    """Numbers that are not plainly ten digits go through the phone rules; the plain ones are taken as they are."""
    standardise(
        con,
        "select distinct raw from suppressions_in "
        "where raw is not null and not regexp_full_match(raw, '[2-9][0-9]{9}')",
        phones_of,
        "phone_values",
    )
