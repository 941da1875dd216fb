"""What people record: suppressions that wait, re-consents that lift one thing, messages decided about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cm_core.compliance import by_hand, suspicions
from cm_core.compliance.recorded import recorded_of
from cm_core.compliance.subjects import Subject, subject_of
from cm_core.errors import PersonError, UsageError
from cm_core.imports.records import acting_as
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.dbt.people import People

PHONE, OTHER = "+14053211001", "+14053211002"
JUNE = datetime(2026, 6, 1)


def opt_outs(people: People) -> list[tuple[Any, ...]]:
    return people.rows(
        "select channel, coalesce(phone_e164, email_key, address_key, name_zip_key), person_id, source, recorded_by "
        "from opt_outs order by id"
    )


def message(people: People, key: str, at: str, text: str = "leave me alone") -> int:
    people.run(
        "insert into contact_facts (fact_key, fact, contact_kind, contact_key, channel, value, starts_at, reason, "
        "source) values (sha2(%s, 256), 'opt_out_suspected', 'phone', %s, 'all', 'opt_out', %s, %s, 'sms_message')",
        (f"{key}{at}{text}", key, at, text),
    )
    return int(people.rows("select max(id) from contact_facts")[0][0])


def test_what_is_named_is_read_as_lists_are(settings: Settings, database: Database, people: People) -> None:
    people.person(5000)
    found = [
        subject_of(settings, database, "(405) 321-1001"),
        subject_of(settings, database, " Ann@Example.org "),
        subject_of(settings, database, "5000"),
        subject_of(settings, database, address="1098 Shepard Hills Road", zip_code="73086"),
        subject_of(settings, database, name="Jones, Mary", zip_code="73086"),
    ]
    assert found == [
        Subject("phone", PHONE), Subject("email", "ann@example.org"), Subject("person", "5000"),
        Subject("address", "S|1098||SHEPARD HILLS|RD||73086"), Subject("name_zip", "MARY|JONES||73086"),
    ]  # fmt: skip
    for error, text, named in (
        (PersonError, "1234", {}), (UsageError, "12@", {}), (UsageError, "4O5-321-1001x", {}), (UsageError, None, {}),
        (UsageError, None, {"name": "Mary Jones"}), (UsageError, "405-321-1001 / 405-321-1002", {}),
        (UsageError, "405-321-1001", {"name": "Mary"}), (UsageError, None, {"address": "Tulsa"}),
    ):  # fmt: skip
        with pytest.raises(error):
            subject_of(settings, database, text, **named)


def test_a_suppression_waits_for_people_who_are_not_known(database: Database, people: People) -> None:
    people.phone(people.person(5000), PHONE)
    with noted(database):
        by_hand.suppress(database, Subject("phone", PHONE), "call", reason="asked on the phone", by="kim")
    with acting_as("the system user"), noted(database):
        made = by_hand.suppress(
            database, Subject("name_zip", "OTTO|LATE||73086"), "all", reason="letter", source="post"
        )
        by_hand.suppress(database, Subject("address", "S|1||ELM|ST||74101"), "all", reason="letter")
        by_hand.suppress(database, Subject("person", "5000"), "sms", reason="in the office")
    assert opt_outs(people) == [
        ("call", PHONE, 5000, "by_hand", "kim"),
        ("all", "OTTO|LATE||73086", None, "post", "the system user"),
        ("mail", "S|1||ELM|ST||74101", None, "by_hand", "the system user"),
        ("sms", None, 5000, "by_hand", "the system user"),
    ]
    assert (made.holders, made.rows[0]["reason"]) == ([], "letter")
    people.run("update opt_outs set reason = reason")  # as it was: a row is never changed
    with pytest.raises(UsageError, match="--channel mail"):
        by_hand.suppress(database, Subject("address", "S|1||ELM|ST||74101"), "call", reason="x")
    with pytest.raises(UsageError, match="future"):
        by_hand.suppress(
            database,
            Subject("phone", PHONE),
            "call",
            reason="x",
            at=datetime.now(UTC).replace(tzinfo=None) + timedelta(1),
        )


def test_a_reconsent_lifts_what_came_before_it_at_one_contact_point_and_channel(
    database: Database, people: People
) -> None:
    people.phone(people.person(5000), PHONE)
    phone = Subject("phone", PHONE)
    with pytest.raises(UsageError, match="Nothing is opted out"):
        by_hand.reconsent(database, phone, "call", reason="signed")
    by_hand.suppress(database, phone, "all", reason="asked", at=JUNE)
    with pytest.raises(UsageError, match="Nothing is opted out"):
        by_hand.reconsent(database, phone, "sms", reason="signed", at=JUNE - timedelta(1))
    with pytest.raises(UsageError, match="is of 2026-06-01 too, without a time"):
        by_hand.reconsent(database, phone, "sms", reason="signed", at=JUNE + timedelta(hours=15))
    assert recorded_of(database, phone).facts == []
    with noted(database):
        by_hand.reconsent(database, phone, "sms", reason="signed", at=JUNE + timedelta(1), by="kim")
    found = recorded_of(database, phone)
    assert found.opted_out == ["call", "email", "mail"]
    assert [(row["fact"], row["channel"], row["recorded_by"]) for row in found.facts] == [("reconsent", "sms", "kim")]
    by_hand.suppress(database, phone, "sms", reason="again", at=JUNE + timedelta(2))
    assert recorded_of(database, phone).opted_out == ["call", "sms", "email", "mail"]
    with pytest.raises(UsageError, match="for a contact point"):
        by_hand.reconsent(database, Subject("person", "5000"), "call", reason="signed")
    made = by_hand.reconsent(database, phone, "all", reason="signed again")
    assert [row["channel"] for row in made.rows] == ["call", "sms", "email", "mail"]
    assert recorded_of(database, phone).opted_out == []
    assert len(opt_outs(people)) == 2
    people.phone(5000, OTHER)
    by_hand.suppress(database, Subject("person", "5000"), "call", reason="in the office")
    by_hand.reconsent(database, Subject("phone", OTHER), "call", reason="signed for this one")
    stopped = [recorded_of(database, Subject("phone", number)).opted_out for number in (PHONE, OTHER)]
    assert stopped == [["call"], ["sms", "email", "mail"]]


def test_a_stop_on_texts_that_comes_to_stop_calls_can_be_lifted_for_them(database: Database, people: People) -> None:
    people.phone(people.person(5000), PHONE)
    phone = Subject("phone", PHONE)
    by_hand.suppress(database, phone, "sms", reason="asked", at=JUNE)
    made = by_hand.reconsent(database, phone, "call", reason="signed", at=JUNE + timedelta(1))
    assert [row["channel"] for row in made.rows] == ["call"]
    assert recorded_of(database, phone).opted_out == ["sms"]
    made = by_hand.reconsent(database, phone, "all", reason="signed again", at=JUNE + timedelta(2))
    assert [row["channel"] for row in made.rows] == ["sms"]
    assert recorded_of(database, phone).opted_out == []


def test_facts_of_a_person_are_those_of_everything_it_has(database: Database, people: People) -> None:
    people.phone(people.person(5000), PHONE), people.phone(people.person(5001, entity=5000, original=0), OTHER)
    by_hand.suppress(database, Subject("phone", OTHER), "call", reason="asked")
    by_hand.suppress(database, Subject("phone", "+14053219999"), "call", reason="somebody else")
    message(people, PHONE, "2026-06-01")
    for subject in (Subject("person", "5000"), Subject("phone", PHONE)):
        found = recorded_of(database, subject)
        assert [(row["phone_e164"], row["itself"]) for row in found.opt_outs] == [(OTHER, subject.kind == "person")]
        assert [row["contact_key"] for row in found.facts] == [PHONE]
        assert found.holders == [(5000, 5000, "Ann Lee5000")]
    found = recorded_of(database, Subject("phone", "+14053211111"))
    assert (found.holders, found.opt_outs, found.facts, found.opted_out) == ([], [], [], [])


def test_messages_are_decided_contact_point_by_contact_point(database: Database, people: People) -> None:
    people.phone(people.person(5000), PHONE)
    first, second = message(people, PHONE, "2026-06-01"), message(people, PHONE, "2026-06-02", "wrong number")
    other = message(people, OTHER, "2026-06-03")
    waiting, total = suspicions.waiting(database, 2)
    assert ([one.id for one in waiting], total) == ([first, second], 3)
    with pytest.raises(UsageError, match=f"other messages wait too: {second}"):
        suspicions.dismiss(database, [first], reason="a joke")
    with noted(database):
        made = suspicions.confirm(database, [first, second], channel="sms", by="kim")
    assert [(row["channel"], row["opted_out_at"], row["reason"], row["recorded_by"]) for row in made.opt_outs] == [
        ("sms", "2026-06-01T00:00:00Z", "leave me alone", "kim"),
        ("sms", "2026-06-02T00:00:00Z", "wrong number", "kim"),
    ]  # fmt: skip
    with noted(database):
        made = suspicions.dismiss(database, [other], reason="spoke of a bus stop", by="kim")
    (key,) = people.rows("select fact_key from contact_facts where id = %s", (other,))[0]
    assert [(row["fact"], row["value"], row["reason"]) for row in made.facts] == [
        ("suspicion_cleared", key, "spoke of a bus stop"),
    ]  # fmt: skip
    assert suspicions.waiting(database, 9) == ([], 0)
    with pytest.raises(UsageError, match="decided already"):
        suspicions.dismiss(database, [other], reason="again")
    with pytest.raises(UsageError, match="no message 99999"):
        suspicions.confirm(database, [99999])
