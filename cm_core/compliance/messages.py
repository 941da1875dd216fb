"""What people write back, and what agents and platforms take down, as opt-outs and facts.

A text that is nothing but a keyword (STOP and its relatives) is an opt-out of texts. What reads like a request, or like
a wrong number, is a fact `opt_out_suspected`: it holds the contact point and its people until a person has looked
(`by_hand`). START is recorded and lifts nothing. Keywords and phrases are data: `sms_keywords.csv`,
`opt_out_phrases.csv`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance import fact_statements, statements
from cm_core.compliance.applying import execute
from cm_core.compliance.contact_facts import add_facts, add_opt_outs
from cm_core.compliance.rule_files import read_rows, rules_folder
from cm_core.compute import sql
from cm_core.errors import RulesError
from cm_core.imports import records
from cm_core.store.bulk import load

if TYPE_CHECKING:
    from pymysql.connections import Connection

_PACKAGE = "cm_core.compliance"
_KEYWORDS, _PHRASES = "sms_keywords.csv", "opt_out_phrases.csv"
_KEYWORDS_SCHEMA = pa.schema(
    [
        ("keyword", pa.string()), ("meaning", pa.string()), ("effective_from", pa.date32()),
        ("effective_until", pa.date32()),
    ]
)  # fmt: skip
_READINGS = """
create or replace table message_readings (
    row_number bigint, touchpoint_key varchar, position integer, becomes varchar, meaning varchar
)
"""
# A text of nothing but a keyword needs no second reading.
_READ = """
insert into message_readings
select row_number, touchpoint_key, $position, $becomes, $meaning
from message_texts
where {column} is not null and {condition}
    and regexp_matches({column}, $pattern)
    and said_at::date >= $effective_from and said_at::date < coalesce($effective_until, date '9999-12-31')
"""
#: The first phrase that fits decides; a request before a suspicion.
_DECIDED = """
create or replace table message_findings as
select t.*, r.becomes, r.meaning
from message_texts as t
inner join (
    select row_number, touchpoint_key, 0 as position, 'opt_out' as becomes, 'keyword' as meaning
    from message_texts where keyword = 'stop'
    union all
    select row_number, touchpoint_key, 0, 'sms_start', text from message_texts where keyword = 'start'
    union all
    from message_readings
) as r on t.row_number = r.row_number and t.touchpoint_key = r.touchpoint_key
qualify row_number() over (
    partition by t.row_number, t.touchpoint_key, r.becomes = 'sms_start'
    order by r.becomes <> 'opt_out', r.position
) = 1
"""
_ARRIVED = "select uploaded_at from import_metadata where import_id = %s"
_OPT_OUTS = """
select
    row_number() over (order by min(row_number), contact_key, channel) as fact_no, min(row_number), channel,
    case contact_kind when 'phone' then contact_key end as phone_e164,
    case contact_kind when 'email' then contact_key end as email_key, said_at,
    arg_min(left(case meaning when 'keyword' then text else status end, 255), row_number) as reason,
    case when meaning = 'keyword' then 'sms_keyword' when channel = 'call' then 'call_disposition'
        else channel || '_status' end as source,
    arg_min(touchpoint_key, row_number) as touchpoint_key
from message_findings
where becomes = 'opt_out'
group by channel, contact_kind, contact_key, said_at, source
order by 1
"""
_OPT_OUT_COLUMNS = (
    "fact_no", "row_number", "channel", "phone_e164", "email_key", "opted_out_at", "reason", "source",
    "touchpoint_key",
)  # fmt: skip
_FACTS = """
with found as (
    select
        row_number, becomes as fact, contact_kind, contact_key,
        case becomes when 'sms_start' then 'sms' else 'all' end as channel,
        case becomes when 'sms_start' then left(upper(trim(meaning)), 64) else meaning end as value, said_at,
        left(case when channel = 'call' then concat_ws(': ', status, original) else coalesce(original, status) end, 255)
            as reason,
        channel || case when becomes = 'sms_start' then '_keyword' when channel = 'call' then '_disposition'
            else '_message' end as source,
        touchpoint_key
    from message_findings
    where becomes <> 'opt_out'
),
keyed as (
    select *, fact_key_of(fact, contact_kind, contact_key, channel, value, said_at, null::timestamp, source) as fact_key
    from found
)
select
    row_number() over (order by row_number, fact_key) as fact_no, row_number, fact_key, fact, contact_kind, contact_key,
    case contact_kind when 'phone' then contact_key end as ascii_key, channel, value, said_at, reason, source,
    touchpoint_key
from (select distinct on (fact_key) * from keyed order by fact_key, row_number)
order by 1
"""
_FACT_COLUMNS = (
    "fact_no", "row_number", "fact_key", "fact", "contact_kind", "contact_key", "ascii_key", "channel", "value",
    "starts_at", "reason", "source", "touchpoint_key",
)  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """A regular expression over what was said (`message`) or over the status of a channel's touchpoints.

    `line` is where it stands: the first that fits decides.
    """

    line: int
    applies_to: str
    pattern: str
    becomes: str
    meaning: str
    effective_from: date
    effective_until: date | None


@dataclass(frozen=True)
class MessageCounts:
    """Touchpoints of an import that brought an opt-out or a fact that was not known."""

    opt_outs: int
    facts: int


def record_messages(connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str) -> MessageCounts:
    """Add what the touchpoints in `staged_touchpoints` of `con` say, each once whatever it came with before.

    Runs in the transaction that applies them, after they have found their people, under the writer lock. The person of
    the touchpoint is the one who asked. Raises RulesError where a file of words is not to be used.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVED, (import_id,))
        row: Any = cursor.fetchone()
    read_messages(con, row[0])
    found = {name: _count(con, name) for name in ("opt_out", "other")}
    opt_outs = facts = 0
    for statement in (statements.DROP_TEMPORARY_TABLES,) if any(found.values()) else ():
        execute(connection, statement)
    if found["opt_out"]:
        execute(connection, fact_statements.CREATE_OPT_OUTS_STAGED)
        load(connection, con, _OPT_OUTS, "opt_outs_staged", _OPT_OUT_COLUMNS)
        execute(connection, fact_statements.NAME_PERSONS_OF_TOUCHPOINTS.format(staged="opt_outs_staged"))
        opt_outs = add_opt_outs(connection, import_id)
        execute(connection, fact_statements.MARK_EMAILS_OF_STAGED)
    if found["other"]:
        execute(connection, fact_statements.CREATE_FACTS_STAGED)
        load(connection, con, _FACTS, "facts_staged", _FACT_COLUMNS)
        execute(connection, fact_statements.NAME_PERSONS_OF_TOUCHPOINTS.format(staged="facts_staged"))
        execute(connection, fact_statements.HOLD_UNSEEN)
        facts = add_facts(connection, import_id)
    for table, number in (("opt_outs", opt_outs), ("contact_facts", facts)):
        if number:
            records.audit(connection, import_id, "INSERT", number, table)
    return MessageCounts(opt_outs, facts)


def read_messages(con: duckdb.DuckDBPyConnection, arrived: datetime) -> None:
    """Make `message_findings` of `staged_touchpoints`: what each says, by keyword or by the first phrase that fits.

    Nothing was said later than it `arrived`: what is dated later holds at once.
    """
    con.execute("set variable arrived = $1::timestamp", [arrived])
    con.register("keywords_in", _keywords())
    con.execute("create or replace table sms_keywords as from keywords_in")
    con.unregister("keywords_in")
    con.execute(sql("cm_core.imports", "suppression_words.sql"))
    con.execute(sql(_PACKAGE, "messages.sql"))
    con.execute(_READINGS)
    if con.execute("select exists(from message_texts)").fetchall()[0][0]:
        for phrase in phrases():
            _read(con, phrase)
    con.execute(_DECIDED)


def phrases() -> list[Phrase]:
    """The phrases of `opt_out_phrases.csv`, in their order. Raises RulesError where a cell is not to be used."""
    columns = ("applies_to", "pattern", "becomes", "meaning", "effective_from", "effective_until")
    return [
        Phrase(
            row.number,
            row.choice("applies_to", ("message", "call", "sms", "email", "mail")),
            row.text("pattern"),
            row.choice("becomes", ("opt_out", "opt_out_suspected")),
            row.choice("meaning", ("opt_out", "wrong_number")),
            row.day("effective_from"),
            row.optional_day("effective_until"),
        )
        for row in read_rows(rules_folder(), _PHRASES, columns)
    ]


def _keywords() -> pa.Table:
    columns = ("keyword", "meaning", "effective_from", "effective_until")
    rows = [
        {
            "keyword": row.text("keyword"),
            "meaning": row.choice("meaning", ("stop", "start", "help")),
            "effective_from": row.day("effective_from"),
            "effective_until": row.optional_day("effective_until"),
        }
        for row in read_rows(rules_folder(), _KEYWORDS, columns)
    ]
    return pa.Table.from_pylist(rows, schema=_KEYWORDS_SCHEMA)


def _read(con: duckdb.DuckDBPyConnection, phrase: Phrase) -> None:
    is_message = phrase.applies_to == "message"
    column = "said" if is_message else "noted"
    condition = "keyword is null" if is_message else "channel = $channel"
    values = {
        "position": phrase.line, "becomes": phrase.becomes, "meaning": phrase.meaning, "pattern": phrase.pattern,
        "effective_from": phrase.effective_from, "effective_until": phrase.effective_until,
    }  # fmt: skip
    if not is_message:
        values["channel"] = phrase.applies_to
    try:
        con.execute(_READ.format(column=column, condition=condition), values)
    except duckdb.InvalidInputException as error:
        raise RulesError(
            f"{_PHRASES}, line {phrase.line}, column 'pattern' is {phrase.pattern!r}, no regular expression: "
            f"{str(error).splitlines()[0]}. Mend the file; nothing ran."
        ) from None


def _count(con: duckdb.DuckDBPyConnection, what: str) -> int:
    condition = "becomes = 'opt_out'" if what == "opt_out" else "becomes <> 'opt_out'"
    return int(con.execute(f"select count(*) from message_findings where {condition}").fetchall()[0][0])
