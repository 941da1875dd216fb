"""Webhooks of the stand-in: subscriptions, what is sent, and what becomes of failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.servers.pipedrive.conftest import Receiver
from tests.servers import PipedriveServer

Until = Callable[[Callable[[], bool]], None]
_HOOK = {"event_action": "*", "event_object": "person", "name": "contacts"}


def _subscribe(crm: PipedriveServer, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    body = {**_HOOK, "subscription_url": receiver.url, **changes}
    reply = crm.api("POST", "/v1/webhooks", json=body)
    assert reply.status_code == 201, reply.text
    return dict(reply.json()["data"])


def _drain(crm: PipedriveServer) -> None:
    assert crm.control("webhooks/drain", {"seconds": 10})["drained"]


def _attempts(crm: PipedriveServer) -> list[tuple[int, int | None]]:
    return [(entry["attempt"], entry["status"]) for entry in crm.control("webhooks")["attempts"]]


def test_webhooks_are_made_listed_and_deleted(crm: PipedriveServer, receiver: Receiver) -> None:
    made = _subscribe(crm, receiver, http_auth_user="u", http_auth_password="p")
    assert (made["version"], made["is_active"], made["name"]) == ("2.0", 1, "contacts")
    listed = crm.api("GET", "/v1/webhooks").json()
    assert (listed["status"], listed["data"]) == ("ok", [made])
    assert crm.api("DELETE", f"/v1/webhooks/{made['id']}").json() == {"status": "ok", "success": True}
    missing = crm.api("DELETE", f"/v1/webhooks/{made['id']}")
    assert (missing.status_code, missing.json()["errors"]) == (404, {"id": ["not found"]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subscription_url", "example.com/hook"),
        ("subscription_url", "https://api.pipedrive.com/v1/persons"),
        ("event_action", "merged"),
        ("event_object", "people"),
        ("name", None),
        ("name", "x" * 256),
        ("version", "3.0"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_said_by_field(
    crm: PipedriveServer, receiver: Receiver, field: str, value: Any
) -> None:
    body = {**_HOOK, "subscription_url": receiver.url, field: value}
    reply = crm.api("POST", "/v1/webhooks", json=body)
    assert reply.status_code == 400
    assert (reply.json()["status"], list(reply.json()["errors"])) == ("error", [field])


def test_one_webhook_more_than_the_limit_is_422(crm: PipedriveServer, receiver: Receiver) -> None:
    for _ in range(40):
        _subscribe(crm, receiver)
    body = {**_HOOK, "subscription_url": receiver.url}
    assert crm.api("POST", "/v1/webhooks", json=body).status_code == 422


def test_events_have_their_own_form_of_a_person(crm: PipedriveServer, receiver: Receiver) -> None:
    codes = {}
    for name, kind in {
        "text": "varchar",
        "place": "address",
        "stop": "set",
        "worth": "monetary",
        "one": "enum",
    }.items():
        options = {"options": [{"label": "a"}, {"label": "b"}]} if kind in ("set", "enum") else {}
        field = crm.api("POST", "/api/v2/personFields", json={"field_name": name, "field_type": kind, **options})
        codes[name] = field.json()["data"]["field_code"]
    hook = _subscribe(crm, receiver, http_auth_user="user", http_auth_password="secret")
    values = {
        "text": "E1",
        "place": {"value": "1 Main St"},
        "stop": [1, 2],
        "worth": {"value": 5, "currency": "USD"},
        "one": 4,
    }
    body = {"name": "Ann Smith", "label_ids": [8, 9], "custom_fields": {codes[k]: v for k, v in values.items()}}
    crm.api("POST", "/api/v2/persons", json=body)
    crm.clock(advance_seconds=1)
    crm.edit(1, name="Ann Jones", custom_fields={codes["text"]: None}, user_id=2)
    crm.control("persons/1?user_id=2", method="DELETE")
    _drain(crm)
    by_action = {payload["meta"]["action"]: payload for payload in receiver.events()}
    created, changed, deleted = by_action["create"], by_action["change"], by_action["delete"]
    assert {auth for auth, _ in receiver.got} == {"Basic dXNlcjpzZWNyZXQ="}
    assert created["meta"] | {"id": "", "correlation_id": "", "host": ""} == {
        "action": "create",
        "entity": "person",
        "entity_id": "1",
        "company_id": "7700001",
        "correlation_id": "",
        "id": "",
        "is_bulk_edit": False,
        "timestamp": "2026-03-02T08:00:00.000Z",
        "type": "general",
        "user_id": "1",
        "version": "2.0",
        "change_source": "api",
        "host": "",
        "permitted_user_ids": ["1", "2"],
        "webhook_id": str(hook["id"]),
        "webhook_owner_id": "1",
        "attempt": 1,
    }
    data = created["data"]
    assert (data["visible_to"], data["label"], data["label_ids"], created["previous"]) == ("3", 8, [8, 9], None)
    typed = {name: data["custom_fields"][code] for name, code in codes.items()}
    assert typed["place"]["formatted_address"] == "1 Main St"
    assert typed | {"place": None} == {
        "text": {"type": "varchar", "value": "E1"},
        "place": None,
        "stop": {"type": "set", "values": [{"id": 1}, {"id": 2}]},
        "worth": {"type": "monetary", "value": 5, "currency": "USD"},
        "one": {"type": "enum", "id": 4},
    }
    assert (changed["meta"]["change_source"], changed["meta"]["user_id"]) == ("app", "2")
    assert changed["previous"] == {
        "name": "Ann Smith",
        "last_name": "Smith",
        "update_time": "2026-03-02T08:00:00Z",
        "custom_fields": {codes["text"]: typed["text"]},
    }
    assert changed["data"]["custom_fields"][codes["text"]] is None
    assert (deleted["data"], deleted["previous"]["name"]) == (None, "Ann Jones")
    assert len({payload["meta"]["id"] for payload in receiver.events()}) == 3


def test_a_merge_sends_a_delete_and_a_change(crm: PipedriveServer, receiver: Receiver) -> None:
    _subscribe(crm, receiver)
    crm.load(count=2)
    crm.api("PUT", "/v1/persons/1/merge", json={"merge_with_id": 2})
    _drain(crm)
    sent = {payload["meta"]["action"]: payload["meta"] for payload in receiver.events()}
    assert (sent["delete"]["entity_id"], sent["delete"]["merged_to_id"]) == ("1", 2)
    assert (sent["change"]["entity_id"], sent["change"]["merged_from_id"]) == ("2", 1)


def test_only_what_was_subscribed_is_sent(crm: PipedriveServer, receiver: Receiver) -> None:
    _subscribe(crm, receiver, event_action="change")
    _subscribe(crm, receiver, event_object="deal")
    _subscribe(crm, receiver, version="1.0")
    crm.load(count=1)  # no event
    crm.api("POST", "/api/v2/persons", json={"name": "A"})
    crm.api("PATCH", "/api/v2/persons/1", json={"name": "B"})
    crm.api("PATCH", "/api/v2/persons/1", json={"name": "B"})  # changes nothing
    crm.api("POST", "/api/v2/deals", json={"title": "Lease"})
    _drain(crm)
    sent = [(payload["meta"]["entity"], payload["meta"]["action"]) for payload in receiver.events()]
    assert sorted(sent) == [("deal", "create"), ("person", "change")]


def test_an_attempt_that_fails_is_repeated_three_times(crm: PipedriveServer, receiver: Receiver) -> None:
    _subscribe(crm, receiver)
    receiver.statuses = [500, 302, 404, 204]
    crm.api("POST", "/api/v2/persons", json={"name": "A"})
    _drain(crm)
    assert _attempts(crm) == [(1, 500), (2, 302), (3, 404), (4, 204)]
    metas = [payload["meta"] for payload in receiver.events()]
    assert [meta["attempt"] for meta in metas] == [1, 2, 3, 4]
    assert len({meta["id"] for meta in metas}) == 1
    receiver.statuses = [500]
    crm.api("PATCH", "/api/v2/persons/1", json={"name": "B"})
    _drain(crm)
    assert len(_attempts(crm)) == 8  # four more, and no fifth


def test_ten_first_failures_ban_and_what_happens_meanwhile_is_lost(
    crm: PipedriveServer, receiver: Receiver, until: Until
) -> None:
    crm.reset(webhook_scale=0.0005)  # 0.9 s of ban
    _subscribe(crm, receiver)
    receiver.statuses = [500]
    for number in range(10):
        crm.api("POST", "/api/v2/persons", json={"name": f"P{number}"})
    _drain(crm)
    assert crm.usage()["webhooks"]["bans"] == 1
    receiver.statuses = [200]
    receiver.got.clear()
    crm.api("POST", "/api/v2/persons", json={"name": "lost"})
    assert crm.usage()["webhooks"]["lost_in_ban"] == 1

    def sent_again() -> bool:
        crm.api("POST", "/api/v2/persons", json={"name": "sent"})
        return bool(receiver.got)

    until(sent_again)
    assert all(payload["data"]["name"] == "sent" for payload in receiver.events())


def test_three_days_without_a_success_end_the_subscription(crm: PipedriveServer, receiver: Receiver) -> None:
    _subscribe(crm, receiver)
    receiver.statuses = [500]
    crm.clock(advance_seconds=3 * 86400)
    crm.api("POST", "/api/v2/persons", json={"name": "A"})
    _drain(crm)
    assert crm.api("GET", "/v1/webhooks").json()["data"] == []


def test_events_come_twice_in_another_order_or_not_at_all_if_told_to(crm: PipedriveServer, receiver: Receiver) -> None:
    _subscribe(crm, receiver)
    crm.control("webhooks/faults", {"duplicate_rate": 1.0, "shuffle": 50, "seed": 3})
    for number in range(8):
        crm.api("POST", "/api/v2/persons", json={"name": f"P{number}"})
    _drain(crm)
    came = [payload["meta"]["entity_id"] for payload in receiver.events()]
    assert sorted(came, key=int) == [str(number) for number in range(1, 9) for _ in range(2)]
    assert came != sorted(came, key=int)
    assert len({payload["meta"]["id"] for payload in receiver.events()}) == 8
    receiver.got.clear()
    crm.control("webhooks/faults", {"drop_rate": 1.0})
    crm.api("POST", "/api/v2/persons", json={"name": "A"})
    _drain(crm)
    assert receiver.got == []
    assert crm.usage()["webhooks"]["dropped"] == 1
