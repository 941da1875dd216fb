"""What texts, notes and dispositions say: keywords, requests in other words, wrong numbers, and neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cm_core.compliance import messages
from cm_core.compliance.contact_facts import fact_key
from cm_core.compute import session, sql
from cm_core.errors import RulesError
from cm_core.settings import Settings

AT = datetime(2026, 2, 3, 10, 15)
ARRIVED = datetime(2026, 12, 31)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(Settings(home=tmp_path_factory.mktemp("home")), threads=1) as connection:
        yield connection


def read(con: duckdb.DuckDBPyConnection, *touches: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(row number, what it becomes, what it means) of touchpoints given by what differs from an inbound text."""
    con.execute(
        "create or replace table staged_touchpoints (row_number bigint, touchpoint_key varchar, "
        "touchpoint_type varchar, touchpoint_date timestamp, status varchar, "
        "phone_e164 varchar, email_key varchar, metadata varchar)"
    )
    for number, given in enumerate(touches, start=1):
        said = {"direction": "inbound", "type": "sms", "status": None, "subject": None, "note": None, **given}
        metadata = {name: said[name] for name in ("direction", "subject", "note") if said[name] is not None}
        contact = (None, "ann@example.org") if said["type"] == "email" else ("+14053211001", None)
        con.execute(
            "insert into staged_touchpoints values (?, ?, ?, ?, ?, ?, ?, ?::json)",
            [number, f"key {number}", said["type"], said.get("at", AT), said["status"], *contact, json.dumps(metadata)],
        )
    messages.read_messages(con, ARRIVED)
    return con.execute("select row_number, becomes, meaning from message_findings order by all").fetchall()


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop. ", "STOP!!!", "“Stop”", "Stop all", "STOPALL", "unsubscribe", "Opt-Out", "opt out",
     "OPTOUT", "Cancel", "END", "quit", "revoke", "Remove.", "Arrêt", "td", "S.T.O.P."],
)  # fmt: skip
def test_a_keyword_alone_is_an_opt_out(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(con, {"subject": text}) == [(1, "opt_out", "keyword")]


def test_nothing_was_said_later_than_it_arrived(con: duckdb.DuckDBPyConnection) -> None:
    read(con, {"subject": "STOP", "at": ARRIVED + timedelta(days=200)}, {"subject": "STOP"})
    assert con.execute("select said_at from message_findings order by row_number").fetchall() == [(ARRIVED,), (AT,)]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Please take me off your list", "opt_out"), ("stop texting me", "opt_out"), ("I said STOP", "opt_out"),
        ("do not call this number again", "opt_out"), ("don’t text me", "opt_out"), ("dont ever contact me", "opt_out"),
        ("Remove me", "opt_out"), ("please remove my number from this", "opt_out"), ("I want to opt out", "opt_out"),
        ("unsubscribe me pls", "opt_out"), ("no more texts", "opt_out"), ("Leave me alone", "opt_out"),
        ("I will report this to the FTC", "opt_out"), ("talk to my lawyer", "opt_out"), ("please cancel", "opt_out"),
        ("no me llame más", "opt_out"), ("número equivocado", "wrong_number"),
        ("Wrong number", "wrong_number"), ("You have the wrong person", "wrong_number"),
        ("wrong number, stop texting", "opt_out"), ("unsub", "opt_out"), ("pls unsub me", "opt_out"),
        ("STOPP", "opt_out"), ("Stopppp!!", "opt_out"), ("sstop", "opt_out"), ("stopit", "opt_out"),
        ("dont txt", "opt_out"), ("Don't txt me", "opt_out"), ("dnt msg me", "opt_out"), ("do not txt", "opt_out"),
        ("no more txts", "opt_out"), ("pls cancel", "opt_out"),
    ],
)  # fmt: skip
def test_what_reads_like_a_request_waits_for_a_person(con: duckdb.DuckDBPyConnection, text: str, meaning: str) -> None:
    assert read(con, {"subject": text}) == [(1, "opt_out_suspected", meaning)]


@pytest.mark.parametrize(
    "text",
    [
        "Yes, I'd like to hear your offer",
        "What is it worth?",
        "HELP",
        "Who is this",
        "I own 40 acres",
        "ok",
        ".",
        "I stopped by the courthouse",
        "txt me the price",
        "a subdivision near the bus stops",
        "on top of it",
    ],
)
def test_other_texts_say_nothing(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(con, {"subject": text}) == []


def test_start_is_taken_down(con: duckdb.DuckDBPyConnection) -> None:
    assert read(con, {"subject": "Unstop"}, {"subject": "start"}) == [
        (1, "sms_start", "Unstop"), (2, "sms_start", "start"),
    ]  # fmt: skip


def test_what_we_sent_says_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert read(con, {"direction": "outbound", "subject": "Reply STOP to opt out"}) == []


def test_dispositions_and_notes_of_calls(con: duckdb.DuckDBPyConnection) -> None:
    found = read(
        con,
        *({"type": "call", "direction": "outbound", "status": status} for status in (
            "DNC", "Do Not Call", "DNCL", "Wrong Number", "WN", "No answer", "Not the owner", "Voicemail",
        )),
        {"type": "call", "direction": "outbound", "status": "Answered", "note": "asked to be taken off the list"},
        {"type": "email", "direction": "outbound", "status": "Unsubscribed", "subject": "Your offer"},
        {"type": "email", "subject": "Please unsubscribe me"},
        {"type": "sms", "direction": "outbound", "status": "Opted Out"},
    )  # fmt: skip
    assert found == [
        (1, "opt_out", "opt_out"), (2, "opt_out", "opt_out"), (3, "opt_out_suspected", "opt_out"),
        (4, "opt_out_suspected", "wrong_number"), (5, "opt_out_suspected", "wrong_number"),
        (7, "opt_out_suspected", "wrong_number"), (9, "opt_out_suspected", "opt_out"), (10, "opt_out", "opt_out"),
        (11, "opt_out_suspected", "opt_out"), (12, "opt_out", "opt_out"),
    ]  # fmt: skip


def test_a_keyword_counts_while_it_is_in_force(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "keyword,meaning,effective_from,effective_until,source\n"
    (tmp_path / "sms_keywords.csv").write_text(f"{header}HALT,stop,2026-01-01,2026-03-01,here\n")
    (tmp_path / "opt_out_phrases.csv").write_text("applies_to,pattern,becomes,meaning,effective_from,effective_until\n")
    monkeypatch.setattr(messages, "rules_folder", lambda: tmp_path)
    days = [datetime(2025, 12, 31, 23), datetime(2026, 1, 1), datetime(2026, 2, 28, 23), datetime(2026, 3, 1)]
    assert [row for row, *_ in read(con, *({"subject": "halt", "at": day} for day in days))] == [2, 3]


def test_a_phrase_that_is_no_regular_expression_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sms_keywords.csv").write_text(
        "keyword,meaning,effective_from,effective_until,source\nA,help,2026-01-01,,\n"
    )
    (tmp_path / "opt_out_phrases.csv").write_text(
        "applies_to,pattern,becomes,meaning,effective_from,effective_until\nmessage,stop(,opt_out,opt_out,2000-01-01,\n"
    )
    monkeypatch.setattr(messages, "rules_folder", lambda: tmp_path)
    with pytest.raises(RulesError, match=r"opt_out_phrases\.csv, line 2, column 'pattern' is 'stop\('"):
        read(con, {"subject": "hello"})


def test_a_fact_has_one_key_wherever_it_is_made(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(sql("cm_core.imports", "suppression_words.sql"))
    for value, said_at, ends_at in (("yes", AT, None), (None, None, datetime(2027, 1, 1)), (None, None, None)):
        said = ("consent", "phone", "+14053211001", "sms", value, said_at, ends_at, "Web Form")
        (made,) = con.execute(
            "select fact_key_of(?, ?, ?, ?, ?, ?::timestamp, ?::timestamp, ?)", list(said)
        ).fetchall()[0]
        assert made == fact_key(*said)
