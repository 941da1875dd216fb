"""Contacts that were made are judged by the rules and facts of their own time, and again when facts come in late."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cm_core.compliance.retrospect import Judged, judge_contacts, recent_violations
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People

NOW = datetime(2026, 5, 20, 12)
#: Noon in Oklahoma, on days of work.
MONDAY, FRIDAY = "2026-03-02 18:00:00", "2026-03-06 18:00:00"


@pytest.fixture
def called(people: People) -> People:
    """Five people in Oklahoma, and a list of their area code from before."""
    for person in range(1, 6):
        people.person(person), people.address(person, f"{person} MAIN ST")
        people.phone(person, _number(person)), people.email(person, f"p{person}@x.org")
    for day in ("2026-02-15", "2026-03-10", "2026-04-05", "2026-05-01", "2026-05-28"):
        people.covered("405", at=f"{day} 00:00:00")
    return people


def _number(person: int) -> str:
    return f"+1405762{person:04d}"


def _call(people: People, person: int, at: str, channel: str = "call", **values: Any) -> int:
    contact = {"email_key": f"p{person}@x.org"} if channel == "email" else {"phone_e164": _number(person)}
    return people.touched(person, channel, at, **contact, **values)


def _found(people: People) -> list[tuple[Any, ...]]:
    return people.rows("select touchpoint_id, rule_ids, severity, deadline from compliance_violations order by 1")


def test_each_contact_is_held_against_what_was_so_at_its_time(
    settings: Settings, database: Database, called: People
) -> None:
    people = called
    fine = _call(people, 1, MONDAY)
    at_night = _call(people, 1, "2026-03-03 04:00:00")
    people.opted_out("call", phone_e164=_number(2))
    people.run("update opt_outs set opted_out_at = '2026-03-03 00:00:00'")
    before, soon = _call(people, 2, MONDAY), _call(people, 2, FRIDAY)
    late = _call(people, 2, "2026-03-18 18:00:00")
    text_instead = _call(people, 2, "2026-03-20 18:00:00", "sms")
    people.run(
        "insert into dnc_registry (phone_e164, source, listed_from, removed_at, first_import_id, last_import_id) "
        "values (%s, 'national', '2026-03-04', '2026-04-05', 'x', 'x')",
        (_number(3),),
    )
    unlisted, listed, free = (_call(people, 3, f"{day} 18:00:00") for day in ("2026-03-03", FRIDAY[:10], "2026-04-06"))
    inbound = _call(people, 3, FRIDAY, metadata='{"direction": "inbound"}')
    failed = _call(people, 3, FRIDAY, "sms", status="failed")
    calls = [_call(people, 4, f"2026-03-02 {hour}:00:00", campaign_code="SPRING") for hour in (15, 16, 17, 18)]
    mail_to_who_asked = _call(people, 5, FRIDAY, "email")
    people.opted_out("email", email_key="p5@x.org")

    result = judge_contacts(settings, database, at=NOW)

    assert _found(people) == sorted([
        (at_night, "call.calling_window", "violation", None),
        # Ten business days after Tuesday, 3 March.
        (soon, "call.opt_out_contact,call.opt_out_person", "within_deadline", datetime(2026, 3, 17).date()),
        (late, "call.opt_out_contact,call.opt_out_person", "violation", datetime(2026, 3, 17).date()),
        (listed, "call.dnc_listed", "violation", None),
        (calls[3], "call.frequency_cap", "violation", None),
        # Asked on 1 January, reached in March.
        (mail_to_who_asked, "email.opt_out_contact,email.opt_out_person", "violation", datetime(2026, 1, 15).date()),
    ])  # fmt: skip
    assert {fine, before, text_instead, unlisted, free, inbound, failed}.isdisjoint({row[0] for row in _found(people)})
    assert result == Judged(touches=14, violations=5, within_deadline=1)
    [worst] = recent_violations(database, at=NOW, limit=1)
    assert (worst["touchpoint_id"], worst["contact_key"]) == (late, _number(2))
    assert worst["evidence"].startswith("opt_outs")

    assert judge_contacts(settings, database, at=NOW) == result
    assert len(_found(people)) == 6


def test_our_own_caps_are_no_law_and_a_request_that_was_lifted_has_no_deadline(
    settings: Settings, database: Database, called: People
) -> None:
    for day in range(2, 7):  # our own cap of a week, in a state that has none of a day
        _call(called, 1, f"2026-03-0{day} 18:00:00")
    called.opted_out("call", phone_e164=_number(2))
    called.run("update opt_outs set opted_out_at = '2024-03-01 09:00:00'")
    called.fact("reconsent", "phone", _number(2), channel="call", at="2024-06-01 12:00:00")
    called.run(
        "insert into opt_outs (channel, phone_e164, opted_out_at, source) "
        "values ('call', %s, '2026-03-05 09:00:00', 'again')",
        (_number(2),),
    )
    soon = _call(called, 2, FRIDAY)
    judge_contacts(settings, database, at=NOW)
    ((touchpoint, _, severity, deadline),) = _found(called)
    assert (touchpoint, severity, deadline) == (soon, "within_deadline", datetime(2026, 3, 19).date())


def test_a_fact_that_comes_in_late_changes_what_is_known_and_old_findings_stay(
    settings: Settings, database: Database, called: People
) -> None:
    old = _call(called, 1, "2026-03-03 04:00:00")
    recent = _call(called, 2, "2026-05-04 18:00:00")
    assert judge_contacts(settings, database, at=datetime(2026, 5, 10)).violations == 1
    called.opted_out("call", phone_e164=_number(2))
    judged = judge_contacts(settings, database, at=datetime(2026, 6, 20))
    assert (judged.touches, judged.violations) == (1, 1)
    assert [row[0] for row in _found(called)] == [old, recent]
    newer = _call(called, 3, "2026-02-20 18:00:00")  # before those 90 days, and only now known
    assert judge_contacts(settings, database, at=datetime(2026, 6, 21)).touches == 2
    assert [row[0] for row in _found(called)] == [old, recent]
    assert newer not in {row[0] for row in _found(called)}
