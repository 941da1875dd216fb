"""What the pulls of Pipedrive let land, imported: people, requests not to be contacted, activities and deals."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cm_core.crm import PersonFields, normal
from cm_core.crm.settlements import settled_line
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import assert_conserved, counts, error_report, import_file, query

ANN: dict[str, Any] = {
    "id": 7, "name": "Ann Able", "first_name": "Ann", "last_name": "Able", "owner_id": 1, "org_id": None,
    "add_time": "2026-01-02T03:04:05Z", "update_time": "2026-03-04T05:06:07Z",
    "emails": [
        {"value": "old@able.com", "primary": False, "label": "home"},
        {"value": "ann@able.com", "primary": True, "label": "work"},
    ],
    "phones": [
        {"value": "(405) 232-9702", "primary": False, "label": "home"},
        {"value": "405-232-9701 x12", "primary": True, "label": "mobile"},
        {"value": "12345", "primary": False, "label": "work"},
        {"value": "405 232 9703", "primary": False, "label": "fax"},
    ],
    "is_deleted": False, "visible_to": 3, "label_ids": [], "marketing_status": "subscribed",
    "custom_fields": {"a" * 40: {"value": "12 Oak St, Tulsa, OK 74101"}},
    "mailing_address": {
        "value": "PO Box 5, Sulphur, OK 73086, USA", "route": "Shepard Hills Rd", "street_number": "1098",
        "locality": "Sulphur", "admin_area_level_1": "Oklahoma", "postal_code": "73086", "country": "United States",
    },
    "do_not_contact": ["sms"], "birthday": "1961-05-06", "job_title": "Owner",
}  # fmt: skip


def _land(folder: Path, name: str, *records: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(record, sort_keys=True) for record in records), encoding="utf-8")
    return path


def test_a_person_arrives_with_all_that_the_crm_knows(settings: Settings, database: Database, tmp_path: Path) -> None:
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_20260304T000000_r1.jsonl", ANN))
    assert (record.feed, counts(record)) == ("pipedrive_persons", (1, 1, 0, 0, 0))
    assert_conserved(settings, database, record)
    assert query(database, "select first_name, last_name, date_of_birth, name_source_date from persons") == [
        ("Ann", "Able", datetime(1961, 5, 6).date(), datetime(2026, 3, 4, 5, 6, 7))
    ]
    assert query(database, "select phone_e164, extension, phone_type from phone_numbers order by phone_raw") == [
        ("+14052329702", None, None), (None, None, None), ("+14052329703", None, "fax"),
        ("+14052329701", "12", "mobile"),
    ]  # fmt: skip
    assert query(database, "select email from email_addresses order by email") == [("ann@able.com",), ("old@able.com",)]
    addresses = query(database, "select address_type, street, city, state, zip from addresses")
    assert addresses == [("mailing", "1098 SHEPARD HILLS RD", "SULPHUR", "OK", "73086")]
    ids = query(database, "select id_type, id_value from person_identifiers")
    assert ids == [("record:pipedrive_person", "7")]
    assert [row["field_value"] for row in error_report(settings, record.import_id)] == ["12345"]


def test_an_edited_person_stays_the_same_person(settings: Settings, database: Database, tmp_path: Path) -> None:
    import_file(settings, database, _land(tmp_path, "pipedrive_persons_1.jsonl", ANN))
    edited = {
        **ANN, "update_time": "2026-03-05T00:00:00Z", "name": "Ann Baker", "last_name": "Baker", "emails": [],
        "phones": [{"value": "918-232-9704", "primary": True, "label": "work"}],
    }  # fmt: skip
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_2.jsonl", edited))
    assert counts(record) == (1, 0, 1, 0, 0)
    assert query(database, "select first_name, last_name from persons") == [("Ann", "Baker")]


def test_what_a_record_says_is_unchanged_does_not_win_over_a_newer_list(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    import_file(settings, database, _land(tmp_path, "pipedrive_persons_1.jsonl", ANN))
    leads = tmp_path / "leads.csv"
    leads.write_text(
        "First Name,Last Name,Email,Address,City,State,Zip,Updated\n"
        "Ann,Baker,ann@able.com,7 Elm St,Tulsa,OK,74101,2026-03-05 12:00:00\n"
    )
    import_file(settings, database, leads)
    later = {**ANN, "update_time": "2026-03-06T00:00:00Z", "phones": [{"value": "918-232-9704"}]}
    later["unchanged"] = ["name", "mailing_address", "postal_address"]
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_2.jsonl", later))
    assert counts(record) == (1, 0, 1, 0, 0)
    assert query(database, "select first_name, last_name from persons") == [("Ann", "Baker")]
    newest = "select street from addresses order by source_date desc limit 1"
    assert query(database, newest) == [("7 ELM ST",)]
    assert query(database, "select count(*) from phone_numbers where phone_e164 = '+19182329704'") == [(1,)]
    bare = {**later, "phones": [], "emails": [], "update_time": "2026-03-07T00:00:00Z"}
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_3.jsonl", bare))
    assert counts(record)[4] == 0, "a row without anything but its id would be nobody's"


def test_what_was_settled_for_the_crm_is_the_newest_and_nothing_else_is(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """A newer list lost against a person's edit: the golden record follows, its other values keep their dates."""
    code = "a" * 40
    described = {"field_name": "Mailing address", "field_code": code, "field_type": "address"}
    fields, at = PersonFields((described,)), datetime(2026, 3, 8, 1, 2, 3)
    import_file(settings, database, _land(tmp_path, "pipedrive_persons_1.jsonl", ANN))
    newer = tmp_path / "owners.csv"
    newer.write_text('name,email,address,updated at\nAnn Abel,ann@able.com,"5 Elm St, Tulsa, OK 74101",2026-03-07\n')
    import_file(settings, database, newer)
    assert query(database, "select last_name from persons") == [("Abel",)]
    dates = query(database, "select phone_key, source_date from phone_numbers order by 1")

    name = settled_line(normal(ANN), ["name"], "Ann Abel", fields, at)
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_2_settled-1.jsonl", name))
    assert counts(record) == (1, 0, 1, 0, 0)
    assert query(database, "select last_name, name_source_date from persons") == [("Able", at)]
    assert query(database, "select phone_key, source_date from phone_numbers order by 1") == dates

    address = settled_line(normal(ANN), ["address"], "Ann Able", fields, at)
    record = import_file(settings, database, _land(tmp_path, "pipedrive_persons_3_settled-2.jsonl", address))
    assert counts(record) == (1, 0, 1, 0, 0)
    newest = "select street from addresses order by source_date desc limit 1"
    assert query(database, newest) == [("12 OAK ST",)]


def test_any_number_of_phones_and_addresses_of_a_person(settings: Settings, database: Database, tmp_path: Path) -> None:
    many = [f"405-232-{number}" for number in range(9701, 9721)]
    phones = [
        {"value": phone, "primary": False, "label": ("work", "mobile")[place % 2]} for place, phone in enumerate(many)
    ]
    emails = [{"value": f"a{number}@able.com", "primary": number == 3, "label": "work"} for number in range(9)]
    path = _land(
        tmp_path, "pipedrive_persons_1.jsonl",
        {"id": 1, "name": "Ann Able", "update_time": "2026-03-04T05:06:07Z", "phones": phones, "emails": emails},
        {"id": 2, "name": "Bob Ray", "update_time": "2026-03-04T05:06:07Z", "phones": [], "emails": [],
         "mailing_address": "9 Oak St, Tulsa, OK 74103", "postal_address": {"value": "7 Elm St, Tulsa, OK 74104"}},
        {"id": 3, "name": "Cid Fox LLC", "update_time": "2026-03-04T05:06:07.123Z", "phones": "918-232-9701"},
        {"id": 4, "first_name": "Dee", "last_name": "Roe", "update_time": "2026-03-04 05:06:07", "phones": None},
    )  # fmt: skip
    record = import_file(settings, database, path)
    assert counts(record) == (4, 4, 0, 0, 0)
    held = query(database, "select phone_e164, phone_type from phone_numbers where left(phone_e164, 5) = '+1405'")
    assert sorted(held) == sorted(
        ("+1" + phone.replace("-", ""), (None, "mobile")[place % 2]) for place, phone in enumerate(many)
    )  # fmt: skip
    assert query(database, "select count(*) from email_addresses") == [(9,)]
    assert sorted(query(database, "select street, zip, address_type from addresses")) == [
        ("7 ELM ST", "74104", None), ("9 OAK ST", "74103", "mailing"),
    ]  # fmt: skip
    names = query(database, "select entity_type, coalesce(organization_name, last_name) from persons order by id")
    assert sorted(names) == [
        ("organization", "Cid Fox LLC"), ("person", "Able"), ("person", "Ray"), ("person", "Roe"),
    ]  # fmt: skip
    (dates,) = query(database, "select min(name_source_date), max(name_source_date) from persons")
    assert [moment.replace(microsecond=0) for moment in dates] == [datetime(2026, 3, 4, 5, 6, 7)] * 2


def test_requests_not_to_be_contacted_are_opt_outs(settings: Settings, database: Database, tmp_path: Path) -> None:
    said = {"person_id": 7, "opted_out_at": "2026-03-04T05:06:07Z", "source": "pipedrive"}
    path = _land(
        tmp_path, "pipedrive_opt_outs_20260304T000000_r1.jsonl",
        {**said, "channel": "sms", "phone": "405-232-9701", "reason": "Do not contact: sms"},
        {**said, "channel": "email", "email": "Ann@Able.com", "reason": "Marketing status: unsubscribed"},
        {**said, "channel": "mail", "full_name": "Ann Able", "address": "1098 Shepard Hills Rd", "city": "Sulphur",
         "state": "Oklahoma", "zip": "73086", "reason": "Do not contact: mail"},
    )  # fmt: skip
    record = import_file(settings, database, path)
    assert (record.feed, counts(record)) == ("pipedrive_opt_outs", (3, 3, 0, 0, 0))
    found = query(
        database,
        "select channel, phone_e164, email_key, address_key is not null, name_zip_key, opted_out_at, source "
        "from opt_outs order by channel, address_key is null",
    )
    moment = datetime(2026, 3, 4, 5, 6, 7)
    assert found == [
        ("email", None, "ann@able.com", 0, None, moment, "pipedrive"),
        ("mail", None, None, 1, None, moment, "pipedrive"),
        ("mail", None, None, 0, "ANN|ABLE||73086", moment, "pipedrive"),
        ("sms", "+14052329701", None, 0, None, moment, "pipedrive"),
    ]


def _activity(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "type": kind, "subject": f"About {kind}", "done": True, "is_deleted": False, "person_id": 7,
        "owner_id": 3, "add_time": "2026-03-01T08:00:00Z", "update_time": "2026-03-04T05:06:07Z",
        "marked_as_done_time": "2026-03-03T15:16:17Z", "due_date": "2026-03-02", "due_time": "14:00",
        "person_name": "Ann Able", "person_phone": "405-232-9701", "person_email": "ann@able.com", **more,
    }  # fmt: skip


def _touchpoints(database: Database) -> dict[str, tuple[Any, ...]]:
    rows = query(
        database, "select external_id, touchpoint_type, touchpoint_date, status, person_id, metadata from touchpoints"
    )
    return {row[0]: (*row[1:5], json.loads(row[5])) for row in rows}


def test_activities_that_are_done_are_contact_history(settings: Settings, database: Database, tmp_path: Path) -> None:
    import_file(settings, database, _land(tmp_path, "pipedrive_persons_1.jsonl", ANN))
    (ann,) = query(database, "select id from persons")[0]
    lines = [
        _activity(1, "call", duration="00:05", note="<p>Talked &amp; agreed</p><ul><li>call <b>again</b></li></ul>"),
        _activity(2, "cold_text_message", add_time="2026-03-03T15:16:00Z", due_time="13:30"),
        _activity(3, "email", due_date=None, marked_as_done_time=None, owner_name="Sue"),
        _activity(4, "meeting", duration="01:30"),
        _activity(5, "task", done=False),
        _activity(6, "lunch", person_id=None, person_name=None, person_phone=None, person_email=None),
        _activity(8, "call", is_deleted=True),
        _activity(9, "deadline", person_phone=None, person_email=None, person_name=None),
    ]
    record = import_file(settings, database, _land(tmp_path, "pipedrive_activities_20260304T000000_r1.jsonl", *lines))
    assert (record.feed, counts(record)) == ("pipedrive_activities", (5, 4, 0, 0, 1))
    assert record.file_format is not None
    assert record.file_format["tables"] == {"records": 8}
    found = _touchpoints(database)
    assert found["activity:1"] == (
        "call", datetime(2026, 3, 3, 15, 16, 17), "done", ann,
        {"direction": "outbound", "duration_seconds": 300, "subject": "About call", "agent": "user 3",
         "note": "Talked & agreed\ncall again"},
    )  # fmt: skip
    assert found["activity:2"][:2] == ("sms", datetime(2026, 3, 2, 13, 30))
    assert found["activity:3"][:2] == ("email", datetime(2026, 3, 4, 5, 6, 7))
    assert found["activity:3"][4]["agent"] == "Sue"
    kind, _, _, person, metadata = found["activity:4"]
    assert (kind, person, metadata["kind"], metadata["duration_seconds"]) == ("crm", ann, "meeting", 5400)
    assert "direction" not in metadata
    assert len(found) == 4

    again = _land(tmp_path, "pipedrive_activities_2.jsonl", *lines[:4])
    assert counts(import_file(settings, database, again)) == (4, 0, 0, 4, 0)


def test_the_later_version_of_an_activity_counts(settings: Settings, database: Database, tmp_path: Path) -> None:
    for number, (day, text) in enumerate([("05", "second"), ("04", "first"), ("06", "third")]):
        line = _activity(1, "call", update_time=f"2026-03-{day}T05:06:07Z", note=text)
        import_file(settings, database, _land(tmp_path, f"pipedrive_activities_{number}.jsonl", line))
        expected = "third" if text == "third" else "second"
        assert _touchpoints(database)["activity:1"][4]["note"] == expected


def test_what_happened_to_deals_is_history_and_no_contact(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    import_file(settings, database, _land(tmp_path, "pipedrive_persons_1.jsonl", ANN))
    deal = {
        "id": 5, "title": "Lease 40 acres", "value": 5000, "currency": "USD", "status": "open", "person_id": 7,
        "owner_id": 3, "stage_id": 2, "add_time": "2026-03-01T08:00:00Z", "update_time": "2026-03-04T05:06:07Z",
        "stage_change_time": "2026-03-02T09:00:00Z", "won_time": None, "lost_time": None, "lost_reason": None,
        "person_name": "Ann Able", "person_phone": "405-232-9701", "person_email": None,
    }  # fmt: skip
    lost = {**deal, "status": "lost", "stage_id": 3, "stage_change_time": "2026-03-05T09:00:00Z",
            "lost_time": "2026-03-06T10:00:00Z", "lost_reason": "Sold to others"}  # fmt: skip
    nobody = {**deal, "id": 6, "person_id": None, "person_name": None, "person_phone": None}
    record = import_file(settings, database, _land(tmp_path, "pipedrive_deals_1.jsonl", deal, nobody))
    assert (record.feed, counts(record)) == ("pipedrive_deals", (2, 2, 0, 0, 0))
    record = import_file(settings, database, _land(tmp_path, "pipedrive_deals_2.jsonl", lost))
    assert counts(record) == (3, 2, 0, 1, 0)
    found = _touchpoints(database)
    assert {key: (row[0], row[2], row[4]["kind"]) for key, row in found.items()} == {
        "deal:5:opened": ("crm", "open", "deal opened"),
        "deal:5:stage:2:2026-03-02T09:00:00Z": ("crm", "stage 2", "deal stage"),
        "deal:5:stage:3:2026-03-05T09:00:00Z": ("crm", "stage 3", "deal stage"),
        "deal:5:lost:2026-03-06T10:00:00Z": ("crm", "lost", "deal lost"),
    }
    assert found["deal:5:opened"][4]["subject"] == "Lease 40 acres, USD 5000"
    assert found["deal:5:lost:2026-03-06T10:00:00Z"][4]["note"] == "Sold to others"
    assert all(row[3] is not None for row in found.values())
