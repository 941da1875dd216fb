"""Texts that people send, through the whole import: opt-outs and suspicions come with the history they are in."""

from __future__ import annotations

from cm_core.compliance import suspicions
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.imports.steps import column, counts, query, run
from tests.integration.touchpoints.conftest import Import

PEOPLE = "first name,last name,phone\nMary,Smith,405-232-9700\nJames,Garcia,580-467-2744\nJim,Late,405-232-9701\n"
TEXTS = (
    "direction,from,to,date,message,id\n"
    "inbound,405-232-9700,405-555-0100,2026-02-03 10:15,Stop.,s-1\n"
    "inbound,580-467-2744,405-555-0100,2026-02-03 10:16,please take me off your list,s-2\n"
    "inbound,580-467-2744,405-555-0100,2026-02-03 10:17,wrong number,s-3\n"
    "inbound,918-555-2345,405-555-0100,2026-02-03 10:18,START,s-4\n"
    "inbound,405-232-9701,405-555-0100,2026-02-03 10:19,What would you pay?,s-5\n"
    "outbound,405-555-0100,405-232-9701,2026-02-03 10:20,Reply STOP to opt out,s-6\n"
)
CALLS = "direction,from,to,date,result,id\noutbound,405-555-0100,405-232-9701,2026-02-04 10:15,Do Not Call,c-1\n"


def test_texts_become_opt_outs_and_suspicions_once(settings: Settings, database: Database, bring: Import) -> None:
    bring("people.csv", PEOPLE)
    with noted(database):
        texts = bring("sms_march.csv", TEXTS)
    assert counts(texts) == (6, 6, 0, 0, 0)
    bring("call_log.csv", CALLS)
    holders = dict(query(database, "select phone_e164, person_id from phone_numbers"))
    mary, james, jim = (holders[number] for number in ("+14052329700", "+15804672744", "+14052329701"))
    opt_outs = query(
        database,
        "select channel, phone_e164, person_id, source, reason, cast(opted_out_at as char(19)), import_id, "
        "`row_number` from opt_outs order by id",
    )
    assert opt_outs[0] == (
        "sms", "+14052329700", mary, "sms_keyword", "Stop.", "2026-02-03 10:15:00", texts.import_id, 1,
    )  # fmt: skip
    assert opt_outs[1][:5] == ("call", "+14052329701", jim, "call_disposition", "Do Not Call")
    assert query(
        database,
        "select fact, contact_kind, contact_key, channel, value, person_id, reason from contact_facts order by id",
    ) == [
        ("opt_out_suspected", "phone", "+15804672744", "all", "opt_out", james, "please take me off your list"),
        ("opt_out_suspected", "phone", "+15804672744", "all", "wrong_number", james, "wrong number"),
        ("sms_start", "phone", "+19185552345", "sms", "START", None, "START"),
    ]

    with noted(database):
        run(settings, database, texts.import_id)
        bring("sms_april.csv", TEXTS + "inbound,405-232-9700,405-555-0100,2026-02-05,STOP,s-7\n")
    assert column(database, "select count(*) from opt_outs") == [3]
    assert column(database, "select count(*) from contact_facts") == [3]


def test_a_message_that_nobody_had_seen_holds_behind_the_decision_about_an_older_one(
    database: Database, bring: Import
) -> None:
    bring("sms_march.csv", TEXTS)
    waiting, _ = suspicions.waiting(database, 9)
    suspicions.dismiss(database, [one.id for one in waiting], reason="not about us")
    late = "inbound,580-467-2744,405-555-0100,2026-02-03 10:10,leave me alone,s-9\n"
    with noted(database):
        bring("sms_late.csv", TEXTS + late)
    waiting, total = suspicions.waiting(database, 9)
    assert [(one.reason, total) for one in waiting] == [("leave me alone", 1)]
    bring("sms_later.csv", TEXTS + late + "inbound,580-467-2744,405-555-0100,2026-02-06,hello,s-10\n")
    assert suspicions.waiting(database, 9) == (waiting, 1)
