"""Persons of API v2 as the stand-in serves them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers import PipedriveServer

_PERSONS = "/api/v2/persons"
_TEXT = {"field_name": "CM entity", "field_type": "varchar"}


def _add(crm: PipedriveServer, **body: Any) -> dict[str, Any]:
    reply = crm.api("POST", _PERSONS, json={"name": "Ann Smith"} | body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json()["data"])


def _ids(crm: PipedriveServer, **params: Any) -> list[int]:
    reply = crm.api("GET", _PERSONS, params=params)
    assert reply.status_code == 200, reply.text
    return [row["id"] for row in reply.json()["data"]]


def _field(crm: PipedriveServer, **body: Any) -> str:
    reply = crm.api("POST", "/api/v2/personFields", json=body)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["data"]["field_code"])


def test_a_person_needs_only_a_name_and_comes_back_whole(crm: PipedriveServer) -> None:
    made = _add(crm, name="Ann Mary Smith", phones=[{"value": "12345"}, {"value": "678", "label": "home"}])
    assert made == {
        "id": 1,
        "name": "Ann Mary Smith",
        "first_name": "Ann Mary",
        "last_name": "Smith",
        "owner_id": 1,
        "org_id": None,
        "add_time": "2026-03-02T08:00:00Z",
        "update_time": "2026-03-02T08:00:00Z",
        "emails": [],
        "phones": [
            {"value": "12345", "primary": True, "label": "work"},
            {"value": "678", "primary": False, "label": "home"},
        ],
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [],
        "picture_id": None,
        "custom_fields": {},
    }
    assert crm.api("GET", f"{_PERSONS}/1").json() == {"success": True, "data": made}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": None},
        {"name": "A", "owner_id": "1"},
        {"name": "A", "emails": [{"value": "a@b.c", "primary": "true"}]},
        {"name": "A", "emails": [{"value": "a@b.c", "primary": 1}]},
        {"name": "A", "emails": "a@b.c"},
        {"name": "A", "phones": [{"value": 12345}]},
        {"name": "A", "add_time": "2026-01-01 10:00:00"},
        {"name": "A", "update_time": 1767225600},
        {"name": "A", "label_ids": [1.5]},
        {"name": "A", "visible_to": 2},
        {"name": "A", "first_name": "A"},
        {"name": "A", "custom_fields": {"0" * 40: "no such field"}},
    ],
)
def test_what_is_not_of_the_right_type_is_400(crm: PipedriveServer, body: dict[str, Any]) -> None:
    reply = crm.api("POST", _PERSONS, json=body)
    assert reply.status_code == 400
    assert reply.json()["success"] is False
    assert reply.json().keys() >= {"error", "error_info", "data", "additional_data"}
    assert crm.control("state")["persons"] == 0


def test_a_patch_replaces_whole_arrays_and_leaves_the_rest(crm: PipedriveServer) -> None:
    _add(crm, emails=[{"value": "a@example.com"}, {"value": "b@example.com"}], phones=[{"value": "1"}])
    crm.clock(advance_seconds=60)
    changed = crm.api("PATCH", f"{_PERSONS}/1", json={"emails": [{"value": "b@example.com"}]}).json()["data"]
    assert changed["emails"] == [{"value": "b@example.com", "primary": True, "label": "work"}]
    assert changed["phones"] == [{"value": "1", "primary": True, "label": "work"}]
    assert changed["update_time"] == "2026-03-02T08:01:00Z"
    crm.clock(advance_seconds=60)
    same = crm.api("PATCH", f"{_PERSONS}/1", json={"emails": [{"value": "b@example.com"}]}).json()["data"]
    assert same["update_time"] == "2026-03-02T08:01:00Z"  # nothing changed


def test_custom_fields_are_set_one_by_one_and_cleared_by_null(crm: PipedriveServer) -> None:
    text, other = _field(crm, **_TEXT), _field(crm, field_name="CM checked", field_type="date")
    assert _add(crm, custom_fields={text: "E1"})["custom_fields"] == {text: "E1", other: None}
    both = crm.api("PATCH", f"{_PERSONS}/1", json={"custom_fields": {other: "2026-03-01"}}).json()["data"]
    assert both["custom_fields"] == {text: "E1", other: "2026-03-01"}
    one = crm.api("PATCH", f"{_PERSONS}/1", json={"custom_fields": {text: None}}).json()["data"]
    assert one["custom_fields"] == {text: None, other: "2026-03-01"}
    chosen = crm.api("GET", _PERSONS, params={"custom_fields": other}).json()["data"]
    assert chosen[0]["custom_fields"] == {other: "2026-03-01"}
    too_many = ",".join(f"{n:040x}" for n in range(16))
    assert crm.api("GET", _PERSONS, params={"custom_fields": too_many}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("varchar", "x" * 255, ["x" * 256, 5]),
        ("text", "x" * 256, [True]),
        ("double", 1.5, ["1.5", True]),
        ("date", "2026-02-28", ["2026-02-30", "02/28/2026"]),
        ("address", {"value": "1 Main St", "locality": "Austin"}, ["1 Main St", {"locality": "Austin"}, {"zip": "1"}]),
        ("monetary", {"value": 5, "currency": "USD"}, [5, {"value": "5", "currency": "USD"}]),
        ("daterange", {"from": "2026-01-01", "until": "2026-01-02"}, ["2026-01-01"]),
        ("enum", 1, ["1", 99, "call"]),
        ("set", [1, 2], [[], ["1"], 1, [99]]),
    ],
)
def test_custom_fields_take_only_their_type(crm: PipedriveServer, kind: str, good: Any, bad: list[Any]) -> None:
    options = {"options": [{"label": "call"}, {"label": "mail"}]} if kind in ("enum", "set") else {}
    code = _field(crm, field_name="F", field_type=kind, **options)
    kept = _add(crm, custom_fields={code: good})["custom_fields"][code]
    assert kept == good or kept.items() >= good.items()
    for value in bad:
        reply = crm.api("POST", _PERSONS, json={"name": "A", "custom_fields": {code: value}})
        assert reply.status_code == 400, value


def test_fields_are_listed_with_their_codes_and_options(crm: PipedriveServer) -> None:
    code = _field(crm, field_name="Do not contact", field_type="set", options=[{"label": "call"}, {"label": "sms"}])
    listed = {field["field_code"]: field for field in crm.api("GET", "/api/v2/personFields").json()["data"]}
    assert len(code) == 40
    assert listed[code]["options"] == [{"id": 1, "label": "call"}, {"id": 2, "label": "sms"}]
    assert listed["name"]["is_custom_field"] is False
    added = crm.api("POST", f"/api/v2/personFields/{code}/options", json=[{"label": "mail"}])
    assert added.json()["data"] == [{"id": 3, "label": "mail"}]
    assert crm.api("POST", "/api/v2/personFields", json={"field_name": "X", "field_type": "set"}).status_code == 400
    assert crm.api("POST", "/api/v2/personFields", json={"field_name": "X", "field_type": "int"}).status_code == 400
    first = crm.api("GET", "/api/v2/personFields", params={"limit": 5}).json()
    rest = crm.api("GET", "/api/v2/personFields", params={"cursor": first["additional_data"]["next_cursor"]}).json()
    assert [*first["data"], *rest["data"]] == crm.api("GET", "/api/v2/personFields").json()["data"]


def test_the_address_is_not_written_without_contact_sync(crm: PipedriveServer) -> None:
    body = {"name": "Ann", "postal_address": {"value": "1 Main St"}}
    assert crm.api("POST", _PERSONS, json=body).status_code == 403
    assert "postal_address" not in _add(crm)
    crm.control("account", {"contact_sync": True})
    assert _add(crm, postal_address={"value": "1 Main St"})["postal_address"] == {"value": "1 Main St"}


def test_lists_go_from_updated_since_up_to_but_not_at_updated_until(crm: PipedriveServer) -> None:
    crm.load(count=10, first_time="2026-01-01T00:00:00Z", every_seconds=1)
    since, until = "2026-01-01T00:00:03Z", "2026-01-01T00:00:06Z"
    assert _ids(crm, updated_since=since, updated_until=until) == [4, 5, 6]
    assert _ids(crm, updated_since="2026-01-01T00:00:03.999Z", updated_until=until) == [4, 5, 6]
    assert _ids(crm, updated_since="2025-12-31T18:00:08-06:00") == [9, 10]
    assert _ids(crm, sort_by="update_time", sort_direction="desc", limit=2) == [10, 9]
    for bad in ("2026-01-01", "2026-01-01 00:00:03", "1767225603", "2026-13-01T00:00:00Z"):
        assert crm.api("GET", _PERSONS, params={"updated_since": bad}).status_code == 400


def test_lists_have_pages_of_at_most_500_and_at_most_100_ids(crm: PipedriveServer) -> None:
    crm.load(count=501)
    first = crm.api("GET", _PERSONS, params={"limit": 500}).json()
    assert len(first["data"]) == 500
    last = crm.api("GET", _PERSONS, params={"limit": 500, "cursor": first["additional_data"]["next_cursor"]}).json()
    assert [row["id"] for row in last["data"]] == [501]
    assert last["additional_data"] == {"next_cursor": None}
    assert len(_ids(crm)) == 100
    assert _ids(crm, ids="7,3,9999,3") == [3, 7]
    assert len(_ids(crm, ids=",".join(map(str, range(1, 101))))) == 100
    bad: list[dict[str, Any]] = [
        {"limit": 501},
        {"limit": 0},
        {"ids": ",".join(map(str, range(101)))},
        {"ids": "x"},
        {"cursor": "nonsense"},
        {"sort_by": "name"},
        {"sort_direction": "up"},
        {"include_fields": "phone"},
        {"filter_id": 5},
    ]
    for params in bad:
        assert crm.api("GET", _PERSONS, params=params).status_code == 400, params


def test_what_changes_during_a_walk_by_update_time_is_seen_at_its_end(crm: PipedriveServer) -> None:
    crm.load(count=4)
    order = {"sort_by": "update_time", "limit": 2}
    first = crm.api("GET", _PERSONS, params=order).json()
    crm.edit(1, name="Changed")
    rest = crm.api("GET", _PERSONS, params={**order, "cursor": first["additional_data"]["next_cursor"]}).json()
    last = crm.api("GET", _PERSONS, params={**order, "cursor": rest["additional_data"]["next_cursor"]}).json()
    assert [row["id"] for row in rest["data"] + last["data"]] == [3, 4, 1]


def test_optional_fields_come_only_when_asked_for(crm: PipedriveServer) -> None:
    _add(crm, emails=[{"value": "a@example.com"}], marketing_status="subscribed")
    crm.api("POST", "/api/v2/deals", json={"title": "Lease", "person_id": 1})
    crm.api("POST", "/api/v2/activities", json={"participants": [{"person_id": 1, "primary": True}]})
    assert "marketing_status" not in crm.api("GET", f"{_PERSONS}/1").json()["data"]
    wanted = "marketing_status,open_deals_count,activities_count,next_activity_id"
    row = crm.api("GET", _PERSONS, params={"include_fields": wanted}).json()["data"][0]
    assert {key: row[key] for key in wanted.split(",")} == {
        "marketing_status": "subscribed",
        "open_deals_count": 1,
        "activities_count": 1,
        "next_activity_id": 1,
    }


def test_without_an_address_there_is_no_consent_and_no_way_back_from_unsubscribed(crm: PipedriveServer) -> None:
    _add(crm, marketing_status="subscribed")
    assert crm.person(1)["marketing_status"] == "no_consent"
    _add(crm, emails=[{"value": "a@example.com"}], marketing_status="unsubscribed")
    assert crm.api("PATCH", f"{_PERSONS}/2", json={"marketing_status": "subscribed"}).status_code == 400
    assert crm.person(2)["marketing_status"] == "unsubscribed"


def test_a_deleted_person_leaves_the_list_at_once_and_is_gone_after_30_days(crm: PipedriveServer) -> None:
    _add(crm)
    assert crm.api("DELETE", f"{_PERSONS}/1").json() == {"success": True, "data": {"id": 1}}
    assert _ids(crm) == []
    assert _ids(crm, ids="1") == []
    assert crm.api("GET", f"{_PERSONS}/1").json()["data"]["is_deleted"] is True
    assert crm.api("PATCH", f"{_PERSONS}/1", json={"name": "B"}).status_code == 404
    assert crm.api("DELETE", f"{_PERSONS}/1").status_code == 404
    crm.clock(advance_seconds=30 * 86400)
    assert crm.api("GET", f"{_PERSONS}/1").status_code == 404
    assert _add(crm)["id"] == 2  # ids are never given twice


@pytest.mark.parametrize("reply", [404, 410])
def test_a_deleted_person_may_be_not_there_or_gone(crm: PipedriveServer, reply: int) -> None:
    crm.reset(deleted_reply=reply)
    _add(crm)
    crm.api("DELETE", f"{_PERSONS}/1")
    assert crm.api("GET", f"{_PERSONS}/1").status_code == reply


def test_lists_may_show_deleted_persons(crm: PipedriveServer) -> None:
    crm.reset(list_deleted=True)
    _add(crm)
    crm.api("DELETE", f"{_PERSONS}/1")
    assert [row["is_deleted"] for row in crm.api("GET", _PERSONS).json()["data"]] == [True]
    crm.clock(advance_seconds=30 * 86400)
    assert _ids(crm) == []


def _found(crm: PipedriveServer, term: str, **params: Any) -> list[int]:
    reply = crm.api("GET", f"{_PERSONS}/search", params={"term": term, **params})
    assert reply.status_code == 200, reply.text
    return [hit["item"]["id"] for hit in reply.json()["data"]["items"]]


def test_the_search_finds_parts_or_exactly_in_the_fields_asked_for(crm: PipedriveServer) -> None:
    code = _field(crm, **_TEXT)
    _add(crm, name="Ann Smith", emails=[{"value": "smith@example.com"}], custom_fields={code: "E-17"})
    _add(crm, name="Bob Smithson", phones=[{"value": "+14055550101"}])
    assert _found(crm, "smith") == [1, 2]
    assert _found(crm, "smith", fields="email") == [1]
    assert _found(crm, "SMITH@example.com", fields="email", exact_match="true") == [1]
    assert _found(crm, "smith", exact_match="true") == []
    assert _found(crm, "e-17", fields="custom_fields", exact_match="true") == [1]
    assert _found(crm, "+14055550101", fields="phone") == [2]
    hit = crm.api("GET", f"{_PERSONS}/search", params={"term": "smith", "limit": 1}).json()
    assert hit["data"]["items"][0]["item"]["emails"] == ["smith@example.com"]
    assert _found(crm, "smith", limit=1, cursor=hit["additional_data"]["next_cursor"]) == [2]
    assert crm.api("GET", f"{_PERSONS}/search", params={"term": "s"}).status_code == 400
    assert crm.api("GET", f"{_PERSONS}/search", params={"term": "sm", "fields": "mail"}).status_code == 400
    assert _found(crm, "s", exact_match="true") == []


def test_the_search_is_behind_the_data(crm: PipedriveServer) -> None:
    crm.reset(search_lag=30)
    _add(crm, name="Ann Smith")
    assert _found(crm, "Ann Smith") == []
    crm.clock(advance_seconds=30)
    assert _found(crm, "Ann Smith") == [1]
    crm.edit(1, name="Ann Jones")
    assert _found(crm, "Ann Smith") == [1]
    crm.clock(advance_seconds=30)
    assert (_found(crm, "Ann Smith"), _found(crm, "Ann Jones")) == ([], [1])
    crm.api("DELETE", f"{_PERSONS}/1")
    assert _found(crm, "Ann Jones") == []
    _add(crm, name="Soon Gone")
    crm.api("DELETE", f"{_PERSONS}/2")
    crm.clock(advance_seconds=30)
    assert _found(crm, "Soon Gone") == []
