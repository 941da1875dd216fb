"""Facts read out of the tables are those that went in: the table of cases, and people who have one number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from cm_core.compliance.contact_points import contacts_of
from cm_core.compliance.dnc import files
from cm_core.compliance.dnc.sets import Numbers
from cm_core.compliance.facts import Contact
from cm_core.compliance.lookup import Asked, Holding, facts_for
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.verdicts import Verdict, strictest, verdict
from cm_core.errors import PersonError, SettingsError
from cm_core.imports.forgotten import PrivacyKey
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import looking
from tests.compliance_cases import LIST_KEY, Case, load_cases, load_into
from tests.integration.dbt.people import People

RULES = load_rules()
NOON = datetime(2026, 3, 2, 18)

#: kind, contact points, instant -> holdings by key.
LookUp = Callable[..., dict[str, list[Holding]]]


@pytest.fixture
def look_up(settings: Settings, database: Database) -> LookUp:
    def look(kind: Any, asked: list[Asked], at: datetime = NOON, **values: Any) -> dict[str, list[Holding]]:
        with closing(database.connect()) as connection, looking(connection):
            return facts_for(settings, connection, kind, asked, at=at, rules=RULES, **values)

    return look


def _judged(contact: Contact, holdings: list[Holding], channel: str, purpose: str, at: datetime) -> Verdict:
    return strictest(
        [
            verdict(
                replace(contact, line_type=contact.line_type or held.line_type), channel, purpose, at, held.facts, RULES
            )
            for held in holdings
        ]
    )


def test_the_table_of_cases(settings: Settings, database: Database, people: People) -> None:
    cases = load_cases()
    placed = {found.case.number: found for found in load_into(people, cases)}
    files.write(settings, Numbers.none(), LIST_KEY)
    groups: dict[tuple[str, datetime], list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.kind, case.at].append(case)
    wrong = []
    with closing(database.connect()) as connection, looking(connection):
        for (kind, at), together in groups.items():
            asked = [
                Asked(replace(case.contact(), line_type=None), case.postal_home if case.kind == "address" else None)
                for case in together
            ]
            found = facts_for(settings, connection, kind, asked, at=at, rules=RULES)  # type: ignore[arg-type]
            for case, one in zip(together, asked, strict=True):
                judged = _judged(one.contact, found[one.contact.key], case.channel, case.purpose, at)
                expected = case.expected
                if one.contact.invalid_reason:  # known for its person only
                    continue
                answer = (judged.verdict, judged.code, judged.reason_code, judged.usable_from)
                if answer != (expected.verdict, expected.code, expected.reason_code, expected.usable_from):
                    wrong.append((case.name, answer, placed[case.number].entity_id))
    assert not wrong


def test_a_person_has_contact_points_valid_and_not(people: People, database: Database, look_up: LookUp) -> None:
    people.person(1), people.person(2, entity=1, original=0, entity_type="estate", at="2026-01-01 00:00:00")
    people.phone(1, "+14057620001;ext=5", phone_e164="+14057620001", extension="5", phone_type="landline")
    people.phone(2, "call me", phone_e164=None, invalid_reason="no_digits", region=None)
    people.email(1, "ann@example.org"), people.address(2, "1 MAIN ST"), people.address(1, "2 ELM ST", street=None)
    people.opted_out("all", person_id=2)
    with database.connect() as connection:
        entity, contacts = contacts_of(connection, 2)
        with pytest.raises(PersonError, match="no person 99"):
            contacts_of(connection, 99)
    assert entity == 1
    assert [one.contact for one in contacts] == [
        Contact("phone", "+14057620001", extension="5", line_type="landline"),
        Contact("phone", "call me", invalid_reason="no_digits"),
        Contact("email", "ann@example.org"),
        Contact("address", "2 ELM ST", missing=("street",)),
        Contact("address", "1 MAIN ST"),
    ]
    phones = look_up("phone", contacts[:2], entity_id=entity)
    for key in ("+14057620001", "call me"):
        (held,) = phones[key]
        assert (held.entity_id, held.facts.is_estate) == (1, True)
        assert [(asked.reach, asked.channel) for asked in held.facts.opt_outs] == [("person", "all")]


def test_one_number_of_two_people_and_of_nobody(people: People, look_up: LookUp) -> None:
    people.person(1), people.phone(1, "+14057620001", phone_type="mobile", at="2024-01-01 00:00:00")
    people.person(3, entity=1, original=0), people.phone(3, "+14057620001", at="2026-01-01 00:00:00")
    people.person(2), people.phone(2, "+14057620001"), people.address(1, "1 MAIN ST", state="TX", zip="79901-1234")
    people.opted_out("call", phone_e164="+14057620009")
    found = look_up("phone", [Asked(Contact("phone", f"+1405762000{n}")) for n in (1, 9)])
    by_entity = {held.entity_id: held for held in found["+14057620001"]}
    assert by_entity.keys() == {1, 2}
    assert (by_entity[1].line_type, by_entity[2].line_type) == ("mobile", "mobile")
    assert [(home.state, home.zip5) for home in by_entity[1].facts.homes] == [("TX", "79901")]
    (nobody,) = found["+14057620009"]
    assert nobody.entity_id is None
    assert [asked.reach for asked in nobody.facts.opt_outs] == ["contact"]


def test_a_switchboard_that_asked_says_nothing_about_who(people: People, look_up: LookUp) -> None:
    people.person(1), people.phone(1, "+14057620001"), people.phone(1, "+14057620009")
    people.shared("phone", "+14057620009"), people.opted_out("call", phone_e164="+14057620009")
    found = look_up("phone", [Asked(Contact("phone", f"+1405762000{n}")) for n in (1, 9)])
    assert [asked.reach for asked in found["+14057620009"][0].facts.opt_outs] == ["contact"]
    assert found["+14057620009"][0].facts.surnames == 9
    assert found["+14057620001"][0].facts.opt_outs == ()


def test_a_request_by_name_and_zip_is_of_everybody_of_that_name(people: People, look_up: LookUp) -> None:
    for entity in (1, 2):
        people.person(entity), people.phone(entity, f"+1405762000{entity}")
        people.address(entity, f"{entity} MAIN ST", name_zip_key="ANN|LEE||73701")
    people.opted_out("all", name_zip_key="ANN|LEE||73701")
    found = look_up("phone", [Asked(Contact("phone", f"+1405762000{n}")) for n in (1, 2)])
    assert [[asked.reach for asked in held.facts.opt_outs] for (held,) in found.values()] == [["person"], ["person"]]


def test_who_had_their_data_deleted_is_known_by_a_hash(
    make_settings: Callable[..., Settings], database: Database, people: People
) -> None:
    settings = make_settings(database=database, privacy_key="the first secret")
    key = PrivacyKey(b"the first secret")
    people.fact(
        "privacy_deletion", "hash", key.hashed("phone", "+14057620001"), value=key.fingerprint, at="2026-01-01 00:00:00"
    )
    asked = [Asked(Contact("phone", f"+1405762000{n}")) for n in (1, 2)]
    with closing(database.connect()) as connection, looking(connection):
        found = facts_for(settings, connection, "phone", asked, at=NOON, rules=RULES)
        judged = [_judged(one.contact, found[one.contact.key], "call", "solicitation", NOON) for one in asked]
        assert [one.reason_code for one in judged] == ["privacy_deleted", "dnc_area_not_held"]
        other = make_settings(database=database, privacy_key="the second secret")
        with pytest.raises(SettingsError, match="is another one than they were made with"):
            facts_for(other, connection, "phone", asked, at=NOON, rules=RULES)


def test_touches_that_count(people: People, look_up: LookUp) -> None:
    people.person(1), people.phone(1, "+14057620001")
    insert = (
        "insert into touchpoints (id, touchpoint_key, person_id, match_key, touchpoint_type, touchpoint_date, status, "
        "campaign_name, phone_e164, source, content_key, source_date, metadata) "
        "values (%s, %s, %s, null, 'call', %s, %s, 'Spring', %s, 's', 'x', %s, %s)"
    )
    for number, (person, at, status, phone, metadata) in enumerate(
        [
            (1, "2026-03-01 10:00:00", None, None, '{"direction": "outbound"}'),
            (1, "2026-03-01 11:00:00", None, None, None),
            (1, "2026-03-01 12:00:00", None, None, '{"direction": "inbound"}'),
            (1, "2026-03-01 13:00:00", "failed", None, None),
            (1, "2025-01-01 10:00:00", None, None, None),
            (None, "2026-03-01 14:00:00", None, "+14057620001", None),
            (None, "2026-03-01 15:00:00", None, "+14057620002", None),
        ]
    ):
        people.run(insert, (number, str(number), person, at, status, phone, at, metadata))
    (held,) = look_up("phone", [Asked(Contact("phone", "+14057620001"))])["+14057620001"]
    assert sorted(touch.at.hour for touch in held.facts.touches) == [10, 11, 14]
    assert {touch.campaign for touch in held.facts.touches} == {"SPRING"}
