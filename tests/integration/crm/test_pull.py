"""Pulls of days: what lands, what does not land again, and what a kill may not lose or double."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cm_core.compliance.privacy_statements import CLEAR_CRM
from cm_core.crm import (
    PersonFields,
    PipedriveClient,
    PullResult,
    about_to_write,
    crm_status,
    known_fields,
    normal,
    note_read,
    pull_day,
    reconcile,
)
from cm_core.crm.pulls import ACTIVITIES, DEALS, PERSONS
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.web import ApiUnavailable
from tests.servers import PipedriveServer

from .conftest import landed, rows
from .killing import PULL_POINTS, kill_at, pull_there

DAY = date(2026, 3, 2)
NEXT = DAY + timedelta(days=1)


def pull(settings: Settings, database: Database, day: date = DAY, source: str = PERSONS, **more: Any) -> PullResult:
    return pull_day(settings, database, day, source=source, **more)


def field(crm: PipedriveServer, name: str, kind: str, *labels: str) -> dict[str, Any]:
    options = {"options": [{"label": label} for label in labels]} if labels else {}
    found: dict[str, Any] = crm.control("fields", {"field_name": name, "field_type": kind, **options})
    return found


def names(settings: Settings, source: str = PERSONS) -> list[list[str]]:
    return [[line["name"] for line in lines] for lines in landed(settings, source).values()]


def state_of(database: Database, person_id: int) -> dict[str, Any]:
    columns = "state, record, record_hash, landed_hash, manual, pushed, opt_outs, merged_into"
    (row,) = rows(database, f"select {columns} from crm_persons where crm_person_id = %s", person_id)
    return dict(zip(columns.split(", "), row, strict=True))


def test_the_first_pull_reads_everybody_and_each_lands_once(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=1203, first_time="2024-01-01T00:00:00Z")
    result = pull(crm_settings, database)
    assert (result.state, result.pages, result.records, result.lines) == ("LANDED", 3, 1203, 1203)
    assert result.landing_key == "raw-uploads/2026/03/02/00/pipedrive_persons_20260302T000000_r1.jsonl"
    ((name, lines),) = landed(crm_settings).items()
    assert name == "pipedrive_persons_20260302T000000_r1.jsonl"
    assert [line["id"] for line in lines] == list(range(1, 1204))
    assert lines[0]["emails"][0]["value"].endswith("@example.com")
    assert rows(database, "select state, count(*), sum(record_hash = landed_hash) from crm_persons group by state") == [
        ("live", 1203, 1203)
    ]
    assert (result.usage.requests, result.usage.tokens) == (4, 40), "three pages and the fields"
    again = pull(crm_settings, database)
    assert (again.state, again.lines, again.pull_id) == ("EMPTY", 0, "pipedrive_persons-2026-03-02-r2")
    assert len(landed(crm_settings)) == 1


def test_a_day_brings_what_changed_in_it_and_an_edit_that_came_back_lands_too(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pull(crm_settings, database)
    crm.clock("2026-03-03T10:00:00Z")
    crm.edit(1, name="Ann Smith")
    crm.control("persons", {"name": "Cy"})
    result = pull(crm_settings, database, NEXT)
    assert result.window_from == datetime(2026, 3, 2, 7), "the first pull covered 08:00; an hour of overlap"
    assert result.window_to == datetime(2026, 3, 4)
    assert names(crm_settings) == [["Ann", "Bob"], ["Ann Smith", "Cy"]]
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann")
    assert pull(crm_settings, database, NEXT).pull_id.endswith("r2")
    assert names(crm_settings) == [["Ann", "Bob"], ["Ann Smith", "Cy"], ["Ann"]]


def test_the_window_is_half_open_and_days_left_out_are_made_good(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": name} for name in "abcde"])
    pull(crm_settings, database)
    for person, moment in enumerate(
        ["2026-03-02T23:59:59Z", "2026-03-03T00:00:00Z", "2026-03-04T23:59:59Z", "2026-03-05T00:00:00Z"], start=1
    ):
        crm.clock(moment)
        crm.edit(person, name=f"{person}")
    crm.clock("2026-03-06T00:00:00Z")
    pull(crm_settings, database, date(2026, 3, 4))
    assert names(crm_settings)[1:] == [["1", "2", "3"]], "the 3rd was never pulled; the 5th is another day's"
    pull(crm_settings, database, date(2026, 3, 5))
    assert names(crm_settings)[1:] == [["1", "2", "3"], ["4"]]


@pytest.mark.usefixtures("small_pages")
def test_what_changes_while_it_is_read_is_not_lost(
    crm: PipedriveServer, crm_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone of a later page changes after the first page: by id nobody is skipped; the next day has it as well."""
    crm.load(count=20)
    listed = PipedriveClient.list_persons

    def list_persons(self: PipedriveClient, **options: Any) -> Any:
        page = listed(self, **options)
        if options.get("cursor") is None:
            crm.clock(advance_seconds=5)
            crm.edit(3, name="Early")
            crm.edit(19, name="Late")
        return page

    monkeypatch.setattr(PipedriveClient, "list_persons", list_persons)
    assert pull(crm_settings, database).lines == 20
    monkeypatch.undo()
    assert pull(crm_settings, database, DAY).lines == 1
    (_, lines) = landed(crm_settings).values()
    assert [line["name"] for line in lines] == ["Early"]


@pytest.mark.usefixtures("small_pages")
def test_a_pull_that_breaks_off_goes_on_with_its_next_page(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=20)
    crm.once("500", "persons", times=3, skip=1)
    with pytest.raises(ApiUnavailable):
        pull(crm_settings, database)
    assert rows(database, "select state, pages from api_pulls") == [("OPEN", 1)]
    assert landed(crm_settings) == {}
    result = pull(crm_settings, database)
    assert (result.pull_id, result.state, result.pages, result.lines) == (
        "pipedrive_persons-2026-03-02-r1", "LANDED", 3, 20,
    )  # fmt: skip
    assert crm.usage()["calls_by_path"]["GET /api/v2/persons"] == 6, "three tries failed, no page was read twice"


@pytest.mark.usefixtures("small_pages")
def test_a_cursor_that_is_not_taken_any_more_begins_the_pull_again(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=12)
    crm.once("500", "persons", times=3, skip=1)
    with pytest.raises(ApiUnavailable):
        pull(crm_settings, database)
    crm.once(400, "persons", body='{"success": false, "error": "Provided cursor is invalid"}')
    assert pull(crm_settings, database).lines == 12


def test_deals_that_begin_again_begin_with_those_that_are_not_put_away(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=1)
    crm.control("deals", {"title": "Lease", "person_id": 1})
    crm.control("deals", {"title": "Put away", "person_id": 1, "is_archived": True})
    crm.once(500, "deals/archived", times=3)
    with pytest.raises(ApiUnavailable):
        pull(crm_settings, database, source=DEALS)
    crm.once(400, "deals/archived", body='{"success": false, "error": "Provided cursor is invalid"}')
    assert pull(crm_settings, database, source=DEALS).lines == 2
    (deals,) = landed(crm_settings, DEALS).values()
    assert [line["title"] for line in deals] == ["Lease", "Put away"]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("point", PULL_POINTS)
def test_killed_at_any_point_nothing_is_lost_and_nothing_lands_twice(
    crm: PipedriveServer, crm_settings: Settings, database: Database, point: str
) -> None:
    do_not = field(crm, "Do not contact", "set", "call", "sms", "email", "mail")
    crm.load(count=12)
    crm.edit(1, custom_fields={do_not["field_code"]: [do_not["options"][0]["id"]]})
    kill_at(point, pull_there, crm_settings, DAY, PERSONS)
    # What happens meanwhile: a person changes, and another pull than the killed one goes first.
    crm.clock(advance_seconds=60)
    crm.edit(2, name="Meanwhile")
    pull(crm_settings, database, DAY - timedelta(days=1))
    pull(crm_settings, database)
    crm.clock("2026-03-03T08:00:00Z")
    pull(crm_settings, database, NEXT)
    found = [(line["id"], line["name"]) for lines in landed(crm_settings, PERSONS).values() for line in lines]
    assert len(found) == len(set(found)), "nothing twice"
    assert {number for number, _ in found} == set(range(1, 13)), "nobody lost"
    assert (2, "Meanwhile") in found
    outs = [line for lines in landed(crm_settings, "pipedrive_opt_outs").values() for line in lines]
    assert [(line["person_id"], line["channel"]) for line in outs] == [(1, "call")]
    assert rows(database, "select count(*) from api_pulls where state = 'OPEN'") == [(0,)]
    assert rows(database, "select sum(record_hash = landed_hash) from crm_persons") == [(12,)]
    keys = {
        key.rsplit("/", 1)[1] for (key,) in rows(database, "select landing_key from api_pulls where state = 'LANDED'")
    }
    assert keys == set(landed(crm_settings)), "each file has a row that tells of it"


def test_opt_outs_land_as_a_list_and_only_what_is_new(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    do_not = field(crm, "Do not contact", "set", "Call", "SMS", "Email", "Mail")
    call, sms, _, mail = (option["id"] for option in do_not["options"])
    address = field(crm, "Mailing address", "address")
    where = {
        "value": "12 Main St, Midland, TX 79701", "street_number": "12", "route": "Main St", "locality": "Midland",
        "admin_area_level_1": "TX", "postal_code": "79701",
    }  # fmt: skip
    crm.load([
        {"name": "Ann Smith", "phones": ["+14055550100", "+14055550101"], "emails": ["ann@example.com"],
         "custom_fields": {do_not["field_code"]: [call, mail], address["field_code"]: where}},
        {"name": "Bob", "emails": ["bob@example.com"], "marketing_status": "unsubscribed"},
        {"name": "Cy", "emails": ["cy@example.com"], "marketing_status": "subscribed"},
    ])  # fmt: skip
    result = pull(crm_settings, database)
    assert (result.opt_outs, result.opt_outs_key) == (
        4, "raw-uploads/2026/03/02/00/pipedrive_opt_outs_20260302T000000_r1.jsonl",
    )  # fmt: skip
    (lines,) = landed(crm_settings, "pipedrive_opt_outs").values()
    assert lines[0] == {
        "person_id": 1, "channel": "call", "phone": "+14055550100", "opted_out_at": "2026-03-02T08:00:00Z",
        "reason": "Do not contact: call", "source": "pipedrive",
    }  # fmt: skip
    shown = [{k: v for k, v in line.items() if k not in ("opted_out_at", "source")} for line in lines[1:]]
    assert shown == [
        {"person_id": 1, "channel": "call", "phone": "+14055550101", "reason": "Do not contact: call"},
        {"person_id": 1, "channel": "mail", "full_name": "Ann Smith", "address": "12 Main St", "city": "Midland",
         "state": "TX", "zip": "79701", "reason": "Do not contact: mail"},
        {"person_id": 2, "channel": "email", "email": "bob@example.com", "reason": "Marketing status: unsubscribed"},
    ]  # fmt: skip
    person = landed(crm_settings, PERSONS)["pipedrive_persons_20260302T000000_r1.jsonl"][0]
    assert person["do_not_contact"] == ["call", "mail"]
    assert person["mailing_address"]["postal_code"] == "79701"
    assert person["custom_fields_by_name"]["Do not contact"] == ["call", "mail"]
    # Taken back and given again: it was never lifted here. A new phone and a new channel are new.
    for moment, changes in (
        ("2026-03-02T09:00:00Z", {"custom_fields": {do_not["field_code"]: None}}),
        ("2026-03-02T10:00:00Z", {"custom_fields": {do_not["field_code"]: [call]}}),
        ("2026-03-02T11:00:00Z", {"phones": [{"value": "+14055550100"}, {"value": "+14055550102"}]}),
        ("2026-03-02T12:00:00Z", {"custom_fields": {do_not["field_code"]: [call, sms]}}),
    ):
        crm.clock(moment)
        crm.edit(1, **changes)
        pull(crm_settings, database)
    later = [lines for name, lines in landed(crm_settings, "pipedrive_opt_outs").items() if "_r1" not in name]
    assert [[(line["channel"], line["phone"]) for line in lines] for lines in later] == [
        [("call", "+14055550102")],
        [("sms", "+14055550100"), ("sms", "+14055550102"), ("sms", "+14055550101")],  # it was there once
    ]


def test_who_unsubscribes_again_has_opted_out_again(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    """A re-consent that came between lifts the first one, and not the second."""
    crm.load([{"name": "Bob", "emails": ["bob@example.com"], "marketing_status": "unsubscribed"}])
    pull(crm_settings, database)
    for status, hour in (("", "09"), ("unsubscribed", "10"), ("archived", "11"), ("", "12"), ("unsubscribed", "13")):
        crm.clock(f"2026-03-02T{hour}:00:00Z")
        if status:
            crm.edit(1, marketing_status=status)
        else:
            crm.control("persons/1/subscribe", {})
        pull(crm_settings, database)
    lines = [line for lines in landed(crm_settings, "pipedrive_opt_outs").values() for line in lines]
    assert [(line["email"], line["opted_out_at"][11:13]) for line in lines] == [
        ("bob@example.com", "08"), ("bob@example.com", "10"), ("bob@example.com", "13"),
    ]  # fmt: skip
    assert json.loads(state_of(database, 1)["opt_outs"]) == ["status email bob@example.com"]


def test_who_unsubscribes_after_a_tick_of_e_mail_has_opted_out_once_more(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    do_not = field(crm, "Do not contact", "set", "call", "sms", "email", "mail")
    ticked = {do_not["field_code"]: [do_not["options"][2]["id"]]}
    crm.load([{"name": "Bob", "emails": ["bob@example.com"], "custom_fields": ticked}])
    pull(crm_settings, database)
    crm.clock("2026-03-02T09:00:00Z")
    crm.edit(1, marketing_status="unsubscribed")
    pull(crm_settings, database)
    lines = [line for lines in landed(crm_settings, "pipedrive_opt_outs").values() for line in lines]
    assert [line["reason"] for line in lines] == ["Do not contact: email", "Marketing status: unsubscribed"]


def test_an_option_that_is_new_since_the_fields_were_read_is_understood(
    crm: PipedriveServer, crm_settings: Settings, database: Database, client: PipedriveClient
) -> None:
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}])
    pull(crm_settings, database)
    do_not = field(crm, "Do not contact", "set", "call", "sms")
    crm.clock(advance_seconds=60)
    crm.edit(1, custom_fields={do_not["field_code"]: [do_not["options"][1]["id"]]})
    assert pull(crm_settings, database).opt_outs == 1
    ((line,),) = landed(crm_settings, "pipedrive_opt_outs").values()
    assert line["channel"] == "sms"


def test_an_echo_of_our_own_write_does_not_land_and_is_nobodys_edit(
    crm: PipedriveServer, crm_settings: Settings, database: Database, client: PipedriveClient
) -> None:
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}, {"name": "Bob"}])
    pull(crm_settings, database)
    fields = known_fields(crm_settings)
    assert fields
    crm.clock(advance_seconds=60)
    body = {
        "phones": [
            {"value": "+14055550100", "label": "work", "primary": True},
            {"value": "+14055550101", "label": "home"},
        ]
    }
    with database.connect() as connection:
        about_to_write(connection, 1, body, fields)
        connection.commit()
    client.update_person(1, body)  # and the process is killed before it sees the reply
    result = pull(crm_settings, database)
    assert (result.state, result.readings.echoes) == ("LANDED", 1) or result.state == "EMPTY"
    assert names(crm_settings) == [["Ann", "Bob"]]
    row = state_of(database, 1)
    assert row["record_hash"] == row["landed_hash"]
    assert (row["manual"], row["pushed"]) == (None, None)
    # Somebody else changed another field in the same moment: that lands, as an edit of theirs.
    with database.connect() as connection:
        about_to_write(connection, 1, {"name": "Ann Smith"}, fields)
        connection.commit()
    crm.clock(advance_seconds=60)
    crm.edit(1, emails=[{"value": "ann@example.com"}])
    client.update_person(1, {"name": "Ann Smith"})
    pull(crm_settings, database)
    assert names(crm_settings) == [["Ann", "Bob"], ["Ann Smith"]]
    assert list(json.loads(state_of(database, 1)["manual"])) == ["emails"]


def test_who_edited_a_field_is_unknown_unless_somebody_tells(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann"}])
    pull(crm_settings, database)
    assert state_of(database, 1)["manual"] is None
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann Smith")
    pull(crm_settings, database)
    assert json.loads(state_of(database, 1)["manual"]) == {
        "name": {"at": "2026-03-02T08:01:00Z", "by": None, "source": "unknown"}
    }


def test_an_older_reading_changes_nothing(crm_settings: Settings, database: Database) -> None:
    fields = PersonFields(())
    at = datetime.now(UTC).replace(tzinfo=None)

    def read(name: str, update_time: str, seconds: float) -> None:
        record = normal({"id": 1, "name": name, "update_time": update_time})
        with database.connect() as connection:
            note_read(connection, [record], read_at=at + timedelta(seconds=seconds), fields=fields)
            connection.commit()

    read("new", "2026-03-02T08:00:05Z", 0)
    read("of a list that lags behind", "2026-03-02T08:00:04Z", 60)
    assert json.loads(state_of(database, 1)["record"])["name"] == "new"
    read("asked for before", "2026-03-02T08:00:05Z", -1)
    assert json.loads(state_of(database, 1)["record"])["name"] == "new"
    read("of the same second", "2026-03-02T08:00:05Z", 61)
    assert json.loads(state_of(database, 1)["record"])["name"] == "of the same second"


def test_activities_and_deals_bring_their_persons_contact_points(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann", "phones": ["+14055550100"], "emails": ["ann@example.com"]}, {"name": "Bob"}])
    person = {"participants": [{"person_id": 1, "primary": True}]}
    crm.control("activities", {"subject": "Call", "type": "call", "done": True, **person})
    crm.control("activities", {"subject": "Nobody's", "type": "task"})
    crm.control("deals", {"title": "Lease", "person_id": 1})
    crm.control("deals", {"title": "Put away", "person_id": 1, "is_archived": True})
    pull(crm_settings, database)
    for source in (ACTIVITIES, DEALS):
        assert pull(crm_settings, database, source=source).lines == 2
    (activities,) = landed(crm_settings, ACTIVITIES).values()
    known = {"person_name": "Ann", "person_phone": "+14055550100", "person_email": "ann@example.com"}
    assert [line["subject"] for line in activities] == ["Call", "Nobody's"]
    assert known.items() <= activities[0].items()
    assert activities[1]["person_phone"] is None
    (deals,) = landed(crm_settings, DEALS).values()
    assert [(line["title"], line["person_phone"]) for line in deals] == [
        ("Lease", "+14055550100"), ("Put away", "+14055550100"),
    ]  # fmt: skip
    # The same day again brings the same lines: nothing lands. Something new: its lines, as another file.
    same = pull(crm_settings, database, source=ACTIVITIES, everything=True)
    assert (same.state, same.lines) == ("SAME", 0)
    crm.clock(advance_seconds=60)
    crm.control("activities/1", {"subject": "Second call"})
    assert pull(crm_settings, database, source=ACTIVITIES).state == "LANDED"
    assert "pipedrive_activities_20260302T000000_r3.jsonl" in landed(crm_settings, ACTIVITIES)


def test_an_activity_of_somebody_who_was_not_pulled_yet_has_the_contact_points_too(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}])
    crm.control("activities", {"subject": "Call", "type": "call", "participants": [{"person_id": 1, "primary": True}]})
    pull(crm_settings, database, source=ACTIVITIES)
    ((line,),) = landed(crm_settings, ACTIVITIES).values()
    assert line["person_phone"] == "+14055550100"
    pull(crm_settings, database)
    assert names(crm_settings) == [["Ann"]], "read along the way, and landed as a person nevertheless"


def test_nothing_is_kept_or_lands_of_somebody_whose_data_was_deleted(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}, {"name": "Bob"}])
    pull(crm_settings, database)
    with database.connect() as connection, connection.cursor() as cursor:
        for statement in CLEAR_CRM:
            cursor.execute(statement, {"ids": [1], "entity_id": 5})
        connection.commit()
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann Smith")
    for person in (1, 2):
        participants = [{"person_id": person, "primary": True}]
        crm.control("activities", {"subject": f"Call {person}", "type": "call", "participants": participants})
    crm.control("persons/2/merge", {"merge_with_id": 1})
    reconcile(crm_settings, database)
    assert pull(crm_settings, database).lines == 0
    pull(crm_settings, database, source=ACTIVITIES)
    assert landed(crm_settings, ACTIVITIES) == {}, "both are hers now"
    ((record, state),) = rows(database, "select record, state from crm_persons where crm_person_id = 1")
    assert "Ann" not in record
    assert state == "erased"
    assert names(crm_settings) == [["Ann", "Bob"]]
    assert crm_status(crm_settings, database).to_land == 0


@pytest.mark.parametrize("point", ["it is decided, nothing has landed", "a file has landed", "it is finished"])
def test_killed_activities_land_once(
    crm: PipedriveServer, crm_settings: Settings, database: Database, point: str
) -> None:
    crm.control("activities", {"subject": "Call", "type": "call"})
    kill_at(point, pull_there, crm_settings, DAY, ACTIVITIES)
    pull(crm_settings, database, source=ACTIVITIES)
    ((line,),) = landed(crm_settings).values()
    assert line["subject"] == "Call"


@pytest.mark.usefixtures("small_pages")
def test_faults_by_chance_lose_and_double_nothing(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=120)
    crm.faults(
        rate=0.3, seed=5, slow_seconds=0.01, hang_seconds=0.2, kinds=["500", "503", "torn", "slow", "drop_after_apply"]
    )
    for _ in range(30):
        try:
            pull(crm_settings, database)
            break
        except ApiUnavailable:
            continue
    found = [line["id"] for lines in landed(crm_settings, PERSONS).values() for line in lines]
    assert sorted(found) == list(range(1, 121))
    assert crm.usage()["faults"], "there were some"
