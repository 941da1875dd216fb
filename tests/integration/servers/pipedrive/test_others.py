"""Merging, changelog, recents, activities, deals and call logs as the stand-in serves them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers import PipedriveServer

_CALL = {
    "to_phone_number": "+14055550100",
    "outcome": "connected",
    "start_time": "2026-03-02 07:00:00",
    "end_time": "2026-03-02 07:01:00",
}


def _data(crm: PipedriveServer, method: str, path: str, **options: Any) -> Any:
    reply = crm.api(method, path, **options)
    assert reply.is_success, reply.text
    return reply.json()["data"]


def _merge(crm: PipedriveServer, gone: int, stays: int) -> Any:
    return _data(crm, "PUT", f"/v1/persons/{gone}/merge", json={"merge_with_id": stays})


def test_the_person_merged_with_stays_wins_and_gets_what_it_lacked(crm: PipedriveServer) -> None:
    one = {"name": "Ann Smith", "phones": ["1"], "emails": ["a@example.com"], "org_id": 5, "label_ids": [1]}
    crm.load([one, {"name": "Anna Smith", "phones": ["2"]}])
    crm.api("POST", "/api/v2/deals", json={"title": "Lease", "person_id": 1})
    crm.api("POST", "/api/v2/activities", json={"participants": [{"person_id": 1}]})
    crm.clock(advance_seconds=5)
    reply = _merge(crm, 1, 2)
    assert (reply["id"], reply["merge_what_id"], reply["name"]) == (2, 1, "Anna Smith")
    assert reply["update_time"] == "2026-03-02 08:00:05"
    assert [phone["value"] for phone in reply["phone"]] == ["2"]
    assert [email["value"] for email in reply["email"]] == ["a@example.com"]
    assert (reply["org_id"], reply["label_ids"]) == (5, [1])
    assert crm.api("GET", "/api/v2/persons/1").status_code == 404
    assert [row["id"] for row in _data(crm, "GET", "/api/v2/persons")] == [2]
    deal = _data(crm, "GET", "/api/v2/deals", params={"updated_since": "2026-03-02T08:00:05Z"})[0]
    activity = _data(crm, "GET", "/api/v2/activities", params={"person_id": 2})[0]
    assert (deal["person_id"], activity["participants"]) == (2, [{"person_id": 2, "primary": True}])
    assert crm.person(1)["merged_into"] == 2


def test_the_person_that_stays_wins_every_conflict(crm: PipedriveServer) -> None:
    codes = [
        _data(crm, "POST", "/api/v2/personFields", json={"field_name": name, "field_type": "varchar"})["field_code"]
        for name in ("both", "only the other")
    ]
    gone = {"name": "Ann", "org_id": 1, "owner_id": 1, "label_ids": [1], "custom_fields": dict.fromkeys(codes, "gone")}
    stays = {"name": "Bob", "org_id": 2, "owner_id": 2, "label_ids": [2], "custom_fields": {codes[0]: "stays"}}
    crm.load([gone, stays])
    _merge(crm, 1, 2)
    row = crm.person(2)
    assert {key: row[key] for key in stays} == stays | {"custom_fields": {codes[0]: "stays", codes[1]: "gone"}}


def test_a_merge_may_unite_phones(crm: PipedriveServer) -> None:
    crm.reset(merge_contacts="union")
    crm.load([{"name": "Ann", "phones": ["1", "2"]}, {"name": "Anna", "phones": ["2"]}])
    phones = _merge(crm, 1, 2)["phone"]
    assert [(phone["value"], phone["primary"]) for phone in phones] == [("2", True), ("1", False)]


def test_a_merge_needs_two_live_persons(crm: PipedriveServer) -> None:
    crm.load(count=2)
    for gone, body, status in [(1, {"merge_with_id": 1}, 400), (1, {}, 400), (1, {"merge_with_id": "2"}, 400)]:
        assert crm.api("PUT", f"/v1/persons/{gone}/merge", json=body).status_code == status
    assert crm.api("PUT", "/v1/persons/1/merge", json={"merge_with_id": 9}).status_code == 404
    _merge(crm, 1, 2)
    assert crm.api("PUT", "/v1/persons/1/merge", json={"merge_with_id": 2}).status_code == 404


def test_the_changelog_says_who_changed_what_and_from_where(crm: PipedriveServer) -> None:
    code = _data(crm, "POST", "/api/v2/personFields", json={"field_name": "F", "field_type": "varchar"})["field_code"]
    crm.load([{"name": "Ann Smith", "phones": ["1", "2"]}])
    body = {"phones": [{"value": "1"}], "custom_fields": {code: "x"}}
    crm.api("PATCH", "/api/v2/persons/1", json=body, headers={"user-agent": "cm/1"})
    crm.edit(1, name="Ann Jones", user_id=2)
    entries = _data(crm, "GET", "/v1/persons/1/changelog", params={"limit": 10})
    shown = [(e["field_key"], e["old_value"], e["new_value"], e["actor_user_id"], e["change_source"]) for e in entries]
    assert shown == [
        ("last_name", "Smith", "Jones", 2, "app"),
        ("name", "Ann Smith", "Ann Jones", 2, "app"),
        (code, None, "x", 1, "api"),
        ("phone", "1, 2", "1", 1, "api"),
    ]
    assert entries[-1]["change_source_user_agent"] == "cm/1"
    first = crm.api("GET", "/v1/persons/1/changelog", params={"limit": 3}).json()
    cursor = first["additional_data"]["next_cursor"]
    crm.edit(1, name="Ann King")  # newer entries do not move the pages
    last = crm.api("GET", "/v1/persons/1/changelog", params={"limit": 3, "cursor": cursor}).json()
    assert (last["data"], last["additional_data"]["next_cursor"]) == (entries[3:], None)
    assert crm.api("GET", "/v1/persons/7/changelog").status_code == 404


def test_recents_give_what_changed_with_deleted_persons_in_the_form_of_v1(crm: PipedriveServer) -> None:
    crm.load(count=3)
    crm.edit(2, name="Changed One")
    crm.control("persons/3", method="DELETE")
    crm.api("POST", "/api/v2/deals", json={"title": "Lease"})
    since = {"since_timestamp": "2026-03-02 08:00:00"}
    reply = crm.api("GET", "/v1/recents", params={**since, "items": "person", "limit": 1}).json()
    assert [(item["item"], item["id"], item["data"]["active_flag"]) for item in reply["data"]] == [("person", 2, True)]
    page = reply["additional_data"]["pagination"]
    assert page == {"start": 0, "limit": 1, "more_items_in_collection": True, "next_start": 1}
    rest = crm.api("GET", "/v1/recents", params={**since, "start": 1}).json()["data"]
    assert [(item["item"], item["id"]) for item in rest] == [("person", 3), ("deal", 1)]
    assert rest[0]["data"]["active_flag"] is False
    assert crm.api("GET", "/v1/recents").status_code == 400
    assert crm.api("GET", "/v1/recents", params={"since_timestamp": "2026-03-02T08:00:00Z"}).status_code == 400
    assert crm.api("GET", "/v1/recents", params={**since, "items": "people"}).status_code == 400


def test_activities_are_linked_by_participants_and_filtered(crm: PipedriveServer) -> None:
    crm.load(count=2)
    body = {"subject": "Call", "participants": [{"person_id": 2}, {"person_id": 1, "primary": True}]}
    made = _data(crm, "POST", "/api/v2/activities", json={**body, "due_date": "2026-03-05"})
    assert (made["person_id"], made["done"], made["marked_as_done_time"]) == (1, False, None)
    assert _data(crm, "GET", "/api/v2/activities", params={"person_id": 2}) == []
    crm.clock(advance_seconds=9)
    done = _data(crm, "PATCH", "/api/v2/activities/1", json={"done": True})
    assert (done["marked_as_done_time"], done["update_time"]) == ("2026-03-02T08:00:09Z",) * 2
    assert _data(crm, "GET", "/api/v2/activities", params={"done": "false"}) == []
    assert len(_data(crm, "GET", "/api/v2/activities", params={"done": "true", "sort_by": "due_date"})) == 1
    bad: list[dict[str, Any]] = [{"person_id": 1}, {"done": "true"}, {"due_date": "5/3/2026"}]
    for body in [*bad, {"participants": [{"person_id": 99}]}]:
        assert crm.api("POST", "/api/v2/activities", json=body).status_code == 400, body
    assert crm.api("GET", "/api/v2/activities", params={"done": "1"}).status_code == 400
    _data(crm, "DELETE", "/api/v2/activities/1")
    assert crm.api("GET", "/api/v2/activities/1").status_code == 404


def test_deals_close_with_their_times_and_archived_ones_have_a_list_of_their_own(crm: PipedriveServer) -> None:
    crm.load(count=1)
    assert crm.api("POST", "/api/v2/deals", json={"value": 5}).status_code == 400
    assert crm.api("POST", "/api/v2/deals", json={"title": "L", "value": "5"}).status_code == 400
    made = _data(crm, "POST", "/api/v2/deals", json={"title": "Lease", "person_id": 1, "value": 2500.5})
    assert (made["status"], made["close_time"], made["value"]) == ("open", None, 2500.5)
    won = _data(crm, "PATCH", "/api/v2/deals/1", json={"status": "won"})
    assert (won["won_time"], won["close_time"], won["lost_time"]) == ("2026-03-02T08:00:00Z",) * 2 + (None,)
    assert len(_data(crm, "GET", "/api/v2/deals", params={"status": "won", "person_id": 1})) == 1
    crm.control("deals/1", {"is_archived": True})
    assert _data(crm, "GET", "/api/v2/deals") == []
    assert [deal["id"] for deal in _data(crm, "GET", "/api/v2/deals/archived")] == [1]
    _data(crm, "DELETE", "/api/v2/deals/1")
    assert _data(crm, "GET", "/api/v2/deals/archived") == []


def test_call_logs_have_ids_of_text(crm: PipedriveServer) -> None:
    crm.load(count=1)
    crm.api("POST", "/api/v2/activities", json={"participants": [{"person_id": 1}]})
    made = _data(crm, "POST", "/v1/callLogs", json={**_CALL, "person_id": 1, "activity_id": 1, "duration": "60"})
    assert (type(made["id"]), made["has_recording"], made["duration"]) == (str, False, "60")
    assert crm.api("POST", "/v1/callLogs", json={**_CALL, "activity_id": 1}).status_code == 409
    assert crm.api("POST", "/v1/callLogs", json={**_CALL, "person_id": 9}).status_code == 404
    bad = [{"outcome": "talked"}, {"duration": 60}, {"start_time": "2026-03-02T07:00:00Z"}, {"to_phone_number": ""}]
    for change in bad:
        assert crm.api("POST", "/v1/callLogs", json=_CALL | change).status_code == 400, change
    assert [log["id"] for log in _data(crm, "GET", "/v1/callLogs")] == [made["id"]]
    assert crm.api("DELETE", f"/v1/callLogs/{made['id']}").status_code == 200
    assert crm.api("GET", f"/v1/callLogs/{made['id']}").status_code == 410


def test_me_is_the_owner_of_the_token(crm: PipedriveServer) -> None:
    me = _data(crm, "GET", "/v1/users/me")
    assert (me["id"], me["is_you"]) == (1, True)
    other = crm.control("users", {"name": "Carl"})
    assert _data(crm, "GET", "/v1/users/me", headers={"x-api-token": other["api_token"]})["name"] == "Carl"


@pytest.mark.parametrize("path", ["/v1/persons", "/v1/persons/1", "/api/v1/deals", "/v1/itemSearch"])
def test_what_v1_no_longer_supports_is_gone(crm: PipedriveServer, path: str) -> None:
    assert crm.api("GET", path).status_code == 410


def test_v2_has_one_prefix_and_v1_two(crm: PipedriveServer) -> None:
    assert crm.api("GET", "/api/v1/users/me").status_code == 200
    assert crm.api("GET", "/v2/persons").status_code == 404
    assert crm.api("GET", "/v1/nothing").status_code == 404
    assert crm.api("PUT", "/api/v2/persons").status_code == 405


def test_many_persons_are_loaded_at_once_and_read_from_any_place(crm: PipedriveServer) -> None:
    assert crm.load(count=20_000) == {"count": 20_000, "first_id": 1, "last_id": 20_000}
    order = {"sort_by": "update_time", "sort_direction": "desc", "limit": 500}
    rows = _data(crm, "GET", "/api/v2/persons", params={**order, "updated_until": "2026-01-01T02:46:40Z"})
    assert (rows[0]["id"], rows[-1]["id"]) == (10_000, 9_501)
