"""What RingCentral says, all the way: pulled, landed, imported as touchpoints and opt-outs, heeded by compliance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from cm_core.compliance import by_hand
from cm_core.compliance.reach import opted_out
from cm_core.compliance.subjects import Subject
from cm_core.imports import registry
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.telephony import pull_calls, pull_consents, pull_messages
from cm_core.telephony.client import Page, RingCentralClient
from tests.integration.changes import noted
from tests.integration.imports.steps import counts, import_file, query, run
from tests.integration.telephony.conftest import call
from tests.servers.ringcentral import RingCentral, generate

DAY = date(2026, 9, 14)
PEOPLE = "first name,last name,phone\nMary,Smith,405-232-9700\nJames,Garcia,580-467-2744\n"
OURS = {"phoneNumber": "+14052329000", "extensionNumber": "101", "extensionId": "1", "name": "Dana Reed"}
MARY, JAMES = "+14052329700", "+15804672744"
Import = Callable[[], list[ImportRecord]]


@pytest.fixture
def imported(settings: Settings, database: Database) -> Import:
    """Call it to import what has landed since; every record is COMPLETE."""

    def run_all() -> list[ImportRecord]:
        found = registry.scan_landing(settings, database)
        results = [run(settings, database, one.import_id) for one in found if one.status == "PENDING"]
        assert [record.status for record in results] == ["COMPLETE"] * len(results), results
        return results

    return run_all


@pytest.fixture
def people(settings: Settings, database: Database, tmp_path: Path) -> dict[str, int]:
    """Mary and James are known: person by number."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    import_file(settings, database, path)
    return dict(query(database, "select phone_e164, person_id from phone_numbers"))


def touchpoints(database: Database) -> dict[str, dict[str, Any]]:
    rows = query(
        database,
        "select external_id, touchpoint_type, status, phone_e164, person_id, unmatched_reason, source, metadata, "
        "cast(touchpoint_date as char(23)), cast(source_date as char(23)) from touchpoints",
    )
    names = ("type", "status", "phone", "person", "reason", "source", "metadata", "at", "as_of")
    return {row[0]: dict(zip(names, row[1:], strict=True)) | {"metadata": json.loads(row[7])} for row in rows}


def test_every_call_is_a_touchpoint_whoever_it_was_with(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int]
) -> None:
    inbound = {"direction": "Inbound", "action": "Phone Call", "to": OURS}
    api.add_calls(
        [
            call("plain", "14T10:00", duration=61, result="Call connected", **{"from": OURS}),
            call("inbound", "14T10:01", **inbound, **{"from": {"phoneNumber": JAMES, "name": "WIRELESS"}}),
            call("anonymous", "14T10:02", result="Missed", **inbound, **{"from": {"name": "Anonymous"}}),
            call("nobody", "14T10:03", result="Missed", **inbound, **{"from": None}),
            call("internal", "14T10:04", to={"extensionNumber": "103", "extensionId": "9", "name": "Kit Ames"}),
            call("service", "14T10:05", to={"phoneNumber": "611"}),
            call("hidden", "14T10:06", **inbound, **{"from": {"phoneNumber": "anonymous"}}),
            call("abroad", "14T10:07", to={"phoneNumber": "+442079460958"}),
            call("dialed", "14T10:08", to={"dialedPhoneNumber": JAMES}),
            call("new", "14T10:09", result="Screened by an assistant of some new kind", action="AI Receptionist"),
            call("fax", "14T10:10", type="Fax", action="Outgoing Fax", result="Sent"),
            call("deleted", "14T10:11", deleted=True, result="Busy"),
            call("unknown", "14T10:12", to={"phoneNumber": "+19185552345"}),
        ]
    )  # fmt: skip
    pulled = pull_calls(settings, database, DAY)
    with noted(database):
        (record,) = imported()
    assert record.feed == "ringcentral_calls"
    assert counts(record) == (13, 13, 0, 0, 0)
    assert pulled.records == 13
    found = touchpoints(database)
    assert {name: (one["person"], one["reason"]) for name, one in found.items()} == {
        **dict.fromkeys(("plain", "new", "fax", "deleted"), (people[MARY], None)),
        **dict.fromkeys(("inbound", "dialed"), (people[JAMES], None)),
        **dict.fromkeys(("anonymous", "nobody", "internal", "service", "hidden"), (None, "no_key")),
        **dict.fromkeys(("abroad", "unknown"), (None, "unknown")),
    }
    plain = found["plain"]
    assert (plain["type"], plain["status"], plain["source"], plain["at"]) == (
        "call", "Call connected", "ringcentral", "2026-09-14 10:00:00.000",
    )  # fmt: skip
    expected = {
        "direction": "outbound", "duration_seconds": 61, "action": "VoIP Call", "call_type": "Voice",
        "other_end": "number", "number": MARY, "agent": "Dana Reed", "our_number": "+14052329000",
        "our_extension": "101",
    }  # fmt: skip
    assert expected.items() <= plain["metadata"].items()
    assert not any(value is None for value in plain["metadata"].values())
    assert found["inbound"]["metadata"]["caller_name"] == "WIRELESS"
    assert found["inbound"]["metadata"]["direction"] == "inbound"
    ends = {name: one["metadata"]["other_end"] for name, one in found.items()}
    assert (ends["anonymous"], ends["nobody"], ends["internal"], ends["service"]) == (
        "anonymous", "anonymous", "internal", "number",
    )  # fmt: skip
    assert found["internal"]["metadata"]["other_extension"] == "103"
    assert found["service"]["metadata"]["number"] == "611"
    assert found["new"]["status"] == "Screened by an assistant of some"
    assert found["new"]["metadata"]["status"] == "Screened by an assistant of some new kind"
    assert found["new"]["metadata"]["action"] == "AI Receptionist"
    assert found["fax"]["metadata"]["call_type"] == "Fax"
    assert found["deleted"]["metadata"]["deleted"] is True


def test_nothing_of_a_log_of_all_kinds_is_rejected(
    settings: Settings, database: Database, api: RingCentral, imported: Import
) -> None:
    options = {"anonymous": 0.1, "internal": 0.1, "odd_numbers": 0.1, "unknown": 0.1, "legs": True}
    api.generate_calls(400, "2026-09-14T00:00:00Z", "2026-09-15T00:00:00Z", **options)
    pull_calls(settings, database, DAY)
    (record,) = imported()
    assert counts(record) == (400, 400, 0, 0, 0)
    ((statuses,),) = query(database, "select count(*) from touchpoints where status = %s", (generate.NEW_RESULT,))
    assert statuses > 10


def test_an_unknown_number_waits_for_its_person(
    settings: Settings, database: Database, api: RingCentral, imported: Import, tmp_path: Path
) -> None:
    api.add_calls([call("a", "14T10:00")])
    pull_calls(settings, database, DAY)
    imported()
    assert touchpoints(database)["a"]["reason"] == "unknown"
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    import_file(settings, database, path)
    assert touchpoints(database)["a"]["person"] is not None


def test_a_call_that_changed_later_is_what_it_was_last_whichever_file_comes_first(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int]
) -> None:
    recording = {"id": "R1", "uri": "u", "type": "Automatic", "contentUri": "u"}
    api.add_calls([call("a", "13T10:00", result="No Answer"), call("b", "13T11:00", duration=40)])
    first = pull_calls(settings, database, date(2026, 9, 13))
    api.advance(3600)
    api.change_call("a", result="Voicemail")
    api.change_call("b", recording=recording)
    pull_calls(settings, database, DAY)
    assert first.landing_key is not None
    landing = Path(settings.landing.removeprefix("file://"))
    older = (landing / first.landing_key).rename(landing.parent / "older.jsonl")
    imported()
    older.rename(landing / first.landing_key)
    with noted(database):
        (late,) = imported()
    assert counts(late) == (2, 0, 0, 2, 0)
    found = touchpoints(database)
    assert (found["a"]["status"], found["a"]["as_of"]) == ("Voicemail", "2026-09-15 13:00:00.000")
    assert found["b"]["metadata"]["recording_id"] == "R1"
    assert len(found) == 2


def test_wrong_numbers_and_dispositions_reach_compliance(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int]
) -> None:
    api.add_calls(
        [
            call("late", "13T10:00", result="No Answer", to={"phoneNumber": MARY}),
            call("reason", "14T10:00", result="Call Failed", reason="Wrong Number", to={"phoneNumber": "+19185552345"}),
            call("spoken", "14T10:01", result="Do Not Call", to={"phoneNumber": JAMES}),
            call("stopped", "14T10:02", result="Stopped", reason="Stopped", to={"phoneNumber": "+14052329799"}),
        ]
    )
    pull_calls(settings, database, date(2026, 9, 13))
    imported()
    assert query(database, "select contact_key from contact_facts") == []
    api.change_call("late", result="Wrong Number")
    pull_calls(settings, database, DAY)
    with noted(database):
        imported()
    suspected = "select contact_key, value, person_id from contact_facts where fact = 'opt_out_suspected' order by 1"
    assert query(database, suspected) == [
        (MARY, "wrong_number", people[MARY]),
        ("+19185552345", "wrong_number", None),
    ]
    assert query(database, "select channel, phone_e164, person_id, source from opt_outs") == [
        ("call", JAMES, people[JAMES], "call_disposition")
    ]


def test_texts_are_touchpoints_and_what_people_write_is_heeded(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int]
) -> None:
    ours = {"phoneNumber": "+14052329000", "name": "Dana Reed"}

    def said(person: str | None, text: str, minute: int) -> dict[str, Any]:
        at = f"2026-09-14T10:{minute:02}:00.000Z"
        return {"from": {"phoneNumber": person} if person else {}, "to": [ours], "subject": text, "creationTime": at}

    two = [{"phoneNumber": MARY}, {"phoneNumber": JAMES, "messageStatus": "DeliveryFailed"}]
    ids = api.add_messages(
        [
            said(MARY, "Stop", 1),
            said(JAMES, "please take me off your list", 2),
            said(None, "who is this", 3),
            {"from": ours, "to": two, "direction": "Outbound", "subject": "Reply STOP to opt out",
             "creationTime": "2026-09-14T09:00:00.000Z"},
        ]
    )  # fmt: skip
    pull_messages(settings, database, DAY)
    with noted(database):
        (record,) = imported()
    assert record.feed == "ringcentral_messages"
    assert counts(record) == (5, 5, 0, 0, 0)
    found = touchpoints(database)
    assert {name: (one["type"], one["status"], one["person"]) for name, one in found.items()} == {
        f"{ids[0]}": ("sms", "Received", people[MARY]),
        f"{ids[1]}": ("sms", "Received", people[JAMES]),
        f"{ids[2]}": ("sms", "Received", None),
        f"{ids[3]}/{MARY}": ("sms", "Delivered", people[MARY]),
        f"{ids[3]}/{JAMES}": ("sms", "DeliveryFailed", people[JAMES]),
    }
    assert found[f"{ids[0]}"]["metadata"]["subject"] == "Stop"
    assert query(database, "select channel, phone_e164, person_id, source from opt_outs") == [
        ("sms", MARY, people[MARY], "sms_keyword")
    ]
    assert query(database, "select contact_key, value from contact_facts") == [(JAMES, "opt_out")]


def test_half_of_a_character_keeps_no_text_away(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A text that was cut within an emoji is JSON, but no UTF-8."""
    ours = [{"phoneNumber": "+14052329000"}]
    said = [
        {"id": n, "type": "SMS", "direction": "Inbound", "messageStatus": "Received", "subject": text,
         "from": {"phoneNumber": person}, "to": ours, "creationTime": "2026-09-14T10:00:00.000Z"}
        for n, (person, text) in enumerate([(MARY, "STOP \ud83d"), (JAMES, "STOP")], 1)
    ]  # fmt: skip
    monkeypatch.setattr(RingCentralClient, "list_messages", lambda *_, **__: Page(said, None))
    pull_messages(settings, database, DAY)
    with noted(database):
        imported()
    held = query(database, "select phone_e164 from opt_outs union select contact_key from contact_facts order by 1")
    assert held == [(MARY,), (JAMES,)]


def test_consents_of_pairs_are_one_opt_out_of_the_whole_business(
    settings: Settings, database: Database, api: RingCentral, imported: Import, people: dict[str, int]
) -> None:
    def consent(ours: str, theirs: str, status: str = "OptOut", day: int = 1) -> dict[str, str]:
        at = f"2026-09-{day:02}T10:00:00.891149Z"
        return {"from": ours, "to": theirs, "optStatus": status, "source": "Recipient", "lastModifiedTime": at}

    api.add_consents(
        [
            consent("+14052329000", MARY, day=3),
            consent("+14052329001", MARY, day=2),
            consent("*", "+19185552345"),
            consent("+14052329000", JAMES, "OptIn"),
        ]
    )
    pull_consents(settings, database, DAY)
    with noted(database):
        (record,) = imported()
    assert record.feed == "ringcentral_consents"
    opt_outs = (
        "select channel, phone_e164, person_id, source, cast(opted_out_at as char(19)) from opt_outs order by 2, 5"
    )
    expected = [
        ("sms", MARY, people[MARY], "ringcentral", "2026-09-02 10:00:00"),
        ("sms", MARY, people[MARY], "ringcentral", "2026-09-03 10:00:00"),
        ("sms", "+19185552345", None, "ringcentral", "2026-09-01 10:00:00"),
    ]
    assert query(database, opt_outs) == expected

    # James opts out, and Mary in again with all numbers: hers stays, and nothing is there twice.
    api.add_consents([consent("+14052329000", JAMES, day=5)])
    api.add_consents([consent(number, MARY, "OptIn", 4) for number in ("+14052329000", "+14052329001")])
    pull_consents(settings, database, date(2026, 9, 15))
    with noted(database):
        imported()
    james = ("sms", JAMES, people[JAMES], "ringcentral", "2026-09-05 10:00:00")
    assert query(database, opt_outs) == [*expected[:2], james, expected[2]]

    # James takes his word back, and then stops another of our numbers: that one is later, and is not lost.
    phone = Subject("phone", JAMES)
    by_hand.reconsent(database, phone, "sms", reason="signed form 12", at=datetime(2026, 9, 6))

    def closed() -> list[str]:
        with database.connect() as connection:
            return opted_out(connection, phone, datetime(2026, 9, 30))

    assert closed() == []
    api.add_consents([consent("+14052329001", JAMES, day=7)])
    pull_consents(settings, database, date(2026, 9, 16))
    with noted(database):
        imported()
    assert query(database, opt_outs)[2:4] == [james, (*james[:4], "2026-09-07 10:00:00")]
    assert closed() == ["sms"]
