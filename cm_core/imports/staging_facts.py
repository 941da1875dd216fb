"""From a text file to staged opt-outs or facts about contact points. What they mean for people is `cm_core.compliance`.

Names, telephones and addresses are standardised as those of a contacts list, so that the keys are the same. A row need
not name anybody: a contact point is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import duckdb
import pyarrow as pa

from cm_core.compute import put_table, sql
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.mapping import Mapping, match_headers
from cm_core.imports.reader import Batch
from cm_core.imports.staging import Counts, load_chunk, settle_findings, stage_people, value_of

_PACKAGE = "cm_core.imports"
_OPT_OUT_FIELDS = {"channel": "channel_raw", "opted_out_at": "date_raw", "reason": "reason", "source": "source_raw"}
_FACT_FIELDS = {
    "person_id": "person_raw", "channel": "channel_raw", "value": "value_raw", "starts_at": "starts_raw",
    "ported_at": "ported_raw", "ends_at": "ends_raw", "revoked_at": "revoked_raw", "reason": "reason_raw",
    "source": "source_raw",
}  # fmt: skip
_ASKED_PERSONS = "select distinct try_cast(person_raw as bigint) from facts_in where person_raw is not null"
_IDS = pa.schema([("id", pa.int64())])

#: Which of some ids are persons'.
FindPersons = Callable[[Sequence[int]], Sequence[int]]


def stage_opt_outs(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    mapping: Mapping,
    headers: Sequence[str],
    file_date: datetime,
    arrived: datetime,
) -> Counts:
    """Make `opt_outs` of `source`: row_number, channel, contact keys, opted_out_at, reason, source.

    The keys are `phone_e164` and `email_key`, `address_key`, or `name_zip_key`. A row without any of them, or with a
    channel nobody knows, is rejected and reported: a person's wish must never get lost in a silent default. Nothing is
    asked later than the file `arrived`.
    """
    _stage_contact_points(con, mapping, headers, file_date)
    con.execute(f"create or replace view requests_in as {_fields(mapping, _OPT_OUT_FIELDS)}")
    con.execute(
        "create or replace table opt_out_parameters "
        "(file_date timestamp, arrived timestamp, default_source varchar, default_channel varchar)"
    )
    defaults = [feed.defaults.get("source", feed.name), feed.defaults.get("channel", "all")]
    con.execute("insert into opt_out_parameters values (?, ?, ?, ?)", [file_date, arrived, *defaults])
    con.execute(sql(_PACKAGE, "stage_opt_outs.sql"))
    return settle_findings(con)


def stage_facts(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    mapping: Mapping,
    headers: Sequence[str],
    file_date: datetime,
    find_persons: FindPersons,
) -> Counts:
    """Make `contact_facts` of `source`: what the feed's rule (`feed_catalog.FactRule`) says of each contact point.

    A row is rejected that names no contact point or a person nobody knows, or whose answer, channel or date would have
    to be guessed where a wrong guess would let somebody be contacted.
    """
    assert feed.fact is not None
    rule = feed.fact
    _stage_contact_points(con, mapping, headers, file_date)
    con.execute(f"create or replace view facts_in as {_fields(mapping, _FACT_FIELDS)}")
    asked = [number for (number,) in con.execute(_ASKED_PERSONS).fetchall() if number is not None]
    known = pa.table({"id": pa.array(find_persons(asked) if asked else [], pa.int64())}, schema=_IDS)
    words = [(_squashed(word), value) for value, some in rule.words.items() for word in (value, *some)]
    put_table(con, "known_persons", known)
    put_table(
        con,
        "fact_words",
        pa.table(
            {
                "word": pa.array([word for word, _ in dict(words).items()], pa.string()),
                "value": pa.array([value for _, value in dict(words).items()], pa.string()),
            }
        ),
    )
    put_table(
        con,
        "fact_contacts",
        pa.table({"kind": pa.array(rule.contacts, pa.string()), "precedence": pa.array(range(len(rule.contacts)))}),
    )
    con.execute(
        "create or replace table fact_parameters (fact varchar, date_rule varchar, needs_value boolean, "
        "first_only boolean, file_date timestamp, default_channel varchar, default_value varchar, "
        "default_source varchar)"
    )
    con.execute(
        "insert into fact_parameters values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            rule.name, rule.date, rule.needs_value, rule.first_only, file_date, feed.defaults.get("channel"),
            feed.defaults.get("value"), feed.defaults.get("source", feed.name),
        ],
    )  # fmt: skip
    con.execute(sql(_PACKAGE, "stage_facts.sql"))
    return settle_findings(con)


def contact_points_of(
    con: duckdb.DuckDBPyConnection,
    *,
    phone: str | None = None,
    email: str | None = None,
    name: str | None = None,
    address: str | None = None,
    zip_code: str | None = None,
) -> list[tuple[str, str]]:
    """(kind, key) of each contact point that is named, as a row of an opt-out list with these fields has them."""
    given = {"phone": phone, "email": email, "name": name, "address": address, "zip": zip_code}
    fields = {header: text for header, text in given.items() if text}
    columns = {f"c{position}": [text] for position, text in enumerate(fields.values())}
    load_chunk(con, [Batch(pa.table({"row_number": [1], **columns}), ())])
    mapping = match_headers(list(fields), load_feed("opt_outs"))
    _stage_contact_points(con, mapping, list(fields), datetime(1970, 1, 1))
    return con.execute("select kind, key from contact_points").fetchall()


def _stage_contact_points(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, headers: Sequence[str], file_date: datetime
) -> None:
    con.execute(sql(_PACKAGE, "touchpoint_words.sql"))
    con.execute(sql(_PACKAGE, "suppression_words.sql"))
    stage_people(con, mapping, headers, file_date)
    con.execute(sql(_PACKAGE, "contact_points.sql"))


def _fields(mapping: Mapping, fields: dict[str, str]) -> str:
    columns = ", ".join(f"{value_of(mapping.one(field))} as {name}" for field, name in fields.items())
    return f"select row_number, {columns} from source"


def _squashed(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())
