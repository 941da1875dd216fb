"""Webhooks: what comes in is kept once and believed in nothing; what is true is read by id and lands like a pull."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from cm_core.crm import PipedriveClient, are_new_events, handle_events, known_fields, pull_day, webhook_app
from cm_core.crm.pulls import ACTIVITIES, DEALS, PERSONS
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.servers import PipedriveServer

from .conftest import landed, rows
from .killing import handle_there, kill_at

DAY = date(2026, 3, 2)
AUTH = ("cm", "a-long-password")


@pytest.fixture
def hooked(crm_settings: Settings) -> Settings:
    return Settings.model_validate(
        {**crm_settings.model_dump(), "pipedrive_webhook_user": AUTH[0], "pipedrive_webhook_password": AUTH[1],
         "pipedrive_webhook_path": "0123456789abcdef"}
    )  # fmt: skip


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The app behind real HTTP; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/pipedrive/0123456789abcdef"
    server.should_exit = True
    thread.join()


@pytest.fixture
def endpoint(hooked: Settings, database: Database) -> Iterator[str]:
    with serving(webhook_app(hooked, database)) as url:
        yield url


@pytest.fixture
def subscribed(crm: PipedriveServer, client: PipedriveClient, endpoint: str) -> PipedriveServer:
    """The account, which tells the endpoint of everything."""
    for entity in ("person", "activity", "deal"):
        client.create_webhook(endpoint, name="cm", entity=entity, action="*", user=AUTH[0], password=AUTH[1])
    return crm


def drain(crm: PipedriveServer) -> None:
    assert crm.control("webhooks/drain", {"seconds": 10})["drained"]


def event(event_id: str = "e-1", **meta: Any) -> dict[str, Any]:
    about = {"id": event_id, "entity": "person", "action": "change", "entity_id": "1", "change_source": "app"}
    return {
        "meta": {**about, **meta},
        "data": {"id": 1, "update_time": "2026-03-02T08:00:00Z"},
        "previous": {"name": "x"},
    }


def persons(settings: Settings) -> list[list[tuple[int, str]]]:
    return [[(line["id"], line["name"]) for line in lines] for lines in landed(settings, PERSONS).values()]


def test_only_who_knows_the_password_and_sends_an_event_is_taken(endpoint: str, database: Database) -> None:
    good = event()
    for auth in (None, ("cm", "wrong"), ("other", AUTH[1]), ("cm", "")):
        assert httpx.post(endpoint, json=good, auth=auth).status_code == 401
    for header in ("Basic", "Basic !!!", "Bearer abc", "Basic \xff"):
        assert httpx.post(endpoint, json=good, headers={"authorization": header.encode("latin-1")}).status_code == 401
    assert httpx.post(endpoint.rpartition("/")[0], json=good, auth=AUTH).status_code == 404
    assert httpx.get(endpoint, auth=AUTH).status_code == 405
    for body in (b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'{"meta": 1}', b'{"meta": {"id": "x"}}',
                 json.dumps(event(entity_id="../1")).encode(), json.dumps(event("x" * 65)).encode(),
                 json.dumps(event(entity_id="9" * 30)).encode()):  # fmt: skip
        assert httpx.post(endpoint, content=body, auth=AUTH).status_code == 400, body[:50]
    assert httpx.post(endpoint, content=b" " * (1 << 20) + b"{}", auth=AUTH).status_code == 413
    chunks = iter([b" " * (1 << 19)] * 4)
    assert httpx.post(endpoint, content=chunks, auth=AUTH).status_code == 413, "nor without a length"
    for entity, number in (("note", 7), ("lead", "b0c3e0a0-1f4e-11ee-9be9-0242ac120002")):
        assert httpx.post(endpoint, json=event(entity=entity, entity_id=number), auth=AUTH).status_code == 200
    assert rows(database, "select count(*) from crm_webhooks") == [(0,)]
    for _ in range(2):
        assert httpx.post(endpoint, json=good, auth=AUTH).status_code == 200
    ((meta, changed),) = rows(database, "select meta, changed_fields from crm_webhooks")
    assert json.loads(meta)["change_source"] == "app"
    assert json.loads(changed) == ["name"]


def test_without_a_password_nothing_is_served(crm_settings: Settings, database: Database) -> None:
    with pytest.raises(SettingsError, match="CM_PIPEDRIVE_WEBHOOK_USER"):
        webhook_app(crm_settings, database)


def test_a_database_out_of_reach_lets_the_crm_send_again(hooked: Settings, database: Database) -> None:
    with serving(webhook_app(hooked, Database(database.url.set(port=1)))) as url:
        assert httpx.post(url, json=event(), auth=AUTH).status_code == 503


def test_who_may_not_be_read_holds_up_no_other_event(
    subscribed: PipedriveServer, hooked: Settings, database: Database
) -> None:
    crm = subscribed
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pull_day(hooked, database, DAY)
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann Smith"), crm.edit(2, name="Bob Smith")
    drain(crm)
    crm.once(403, "/api/v2/persons/1$")
    assert handle_events(hooked, database).events == 2
    assert persons(hooked)[1:] == [[(2, "Bob Smith")]]
    assert rows(database, "select outcome from crm_webhooks where crm_id = 1") == [("may not be read",)]
    assert not are_new_events(database)


def test_events_bring_what_changed_and_only_that(
    subscribed: PipedriveServer, hooked: Settings, database: Database
) -> None:
    crm = subscribed
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pull_day(hooked, database, DAY)
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann Smith")
    crm.control("persons", {"name": "Cy", "phones": [{"value": "+14055550100"}]})
    crm.control("activities", {"subject": "Call", "type": "call", "participants": [{"person_id": 3, "primary": True}]})
    crm.control("deals", {"title": "Lease", "person_id": 3})
    drain(crm)
    assert are_new_events(database)
    handled = handle_events(hooked, database)
    assert handled.events == 4
    assert persons(hooked)[1:] == [[(1, "Ann Smith"), (3, "Cy")]]
    for source in (ACTIVITIES, DEALS):
        ((line,),) = landed(hooked, source).values()
        assert line["person_phone"] == "+14055550100"
    assert not are_new_events(database)
    assert handle_events(hooked, database).events == 0
    assert pull_day(hooked, database, DAY).lines == 0, "the pull finds nothing more"


def test_what_an_event_says_is_not_believed(
    crm: PipedriveServer, endpoint: str, hooked: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pull_day(hooked, database, DAY)
    lies = [
        event("1", action="delete", entity_id="1", merged_to_id="2"),
        event("2", action="delete", entity_id="2"),
        event("3", action="change", entity_id="2", merged_from_id="1"),
        event("4", action="create", entity_id="77"),
        {**event("5", entity_id="1"), "data": {"id": 1, "name": "Mallory", "update_time": "2030-01-01T00:00:00Z"}},
    ]
    for lie in lies:
        assert httpx.post(endpoint, json=lie, auth=AUTH).status_code == 200
    handled = handle_events(hooked, database)
    assert (handled.vanished.merged, handled.vanished.deleted, handled.vanished.gone) == ({}, [], [77])
    assert rows(database, "select crm_person_id, state from crm_persons order by 1") == [(1, "live"), (2, "live")]
    assert persons(hooked) == [[(1, "Ann"), (2, "Bob")]]


def test_deletes_and_merges_in_any_order_and_twice(
    subscribed: PipedriveServer, hooked: Settings, database: Database
) -> None:
    crm = subscribed
    crm.load([{"name": f"{n}", "phones": [f"+1405555010{n}"]} for n in range(5)])
    pull_day(hooked, database, DAY)
    crm.control("webhooks/faults", {"duplicate_rate": 1.0, "shuffle": 50, "seed": 3})
    crm.clock(advance_seconds=60)
    crm.control("persons/1/merge", {"merge_with_id": 2})
    crm.control("persons/2/merge", {"merge_with_id": 3})
    crm.control("persons/4", method="DELETE")
    crm.edit(5, name="five")
    drain(crm)
    handled = handle_events(hooked, database)
    assert handled.events == 6, "each event once"
    assert rows(database, "select crm_person_id, state, merged_into, gone_by from crm_persons order by 1") == [
        (1, "merged", 2, "webhook"), (2, "merged", 3, "webhook"), (3, "live", None, None),
        (4, "deleted", None, "webhook"), (5, "live", None, None),
    ]  # fmt: skip
    (lines,) = [lines for name, lines in landed(hooked, PERSONS).items() if "webhooks" in name]
    assert [(line["id"], line.get("merged_ids")) for line in lines] == [(3, [1, 2]), (5, None)]
    outcomes = dict(rows(database, "select concat(action, ' ', crm_id), max(outcome) from crm_webhooks group by 1"))
    assert outcomes["delete 1"] == "merged into 2"
    assert outcomes["delete 4"] == "deleted"


@pytest.mark.parametrize("ending", ["merge", "delete"])
def test_an_opt_out_given_a_moment_before_the_person_vanished_is_not_lost(
    subscribed: PipedriveServer, hooked: Settings, database: Database, ending: str
) -> None:
    crm = subscribed
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}, {"name": "Ann Smith", "phones": ["+14055550101"]}])
    pull_day(hooked, database, DAY)
    options = [{"label": label} for label in ("call", "sms", "email", "mail")]
    field = crm.control("fields", {"field_name": "Do not contact", "field_type": "set", "options": options})
    crm.clock(advance_seconds=60)
    crm.edit(1, custom_fields={field["field_code"]: [field["options"][1]["id"]]})
    crm.edit(2, custom_fields={field["field_code"]: [field["options"][0]["id"]]})
    if ending == "merge":
        crm.control("persons/1/merge", {"merge_with_id": 2})
    else:
        crm.control("persons/1", method="DELETE")
    drain(crm)
    handle_events(hooked, database)
    outs = [
        (line["channel"], line["phone"]) for lines in landed(hooked, "pipedrive_opt_outs").values() for line in lines
    ]
    assert sorted(outs) == [("call", "+14055550101"), ("sms", "+14055550100")]
    assert [number for lines in persons(hooked)[1:] for number, _ in lines] == [2], "who is gone lands no more"
    assert handle_events(hooked, database).landed == {}
    assert rows(database, "select count(*) from crm_webhooks where meta like '%0100%'") == [(0,)], "no copy stays there"


def test_events_tell_whose_edit_it_was_before_the_pull_or_after_it(
    subscribed: PipedriveServer, hooked: Settings, database: Database
) -> None:
    crm = subscribed
    crm.load([{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}])
    pull_day(hooked, database, DAY)
    crm.clock(advance_seconds=60)
    crm.edit(1, name="by hand", user_id=2)
    crm.edit(2, name="by a program", change_source="api")
    drain(crm)
    crm.control("webhooks/faults", {"shuffle": 50})  # these come late
    crm.edit(3, name="by hand, told late", user_id=2)
    crm.edit(4, name="by a program, told late", change_source="api")
    pull_day(hooked, database, DAY)

    def manual() -> dict[int, Any]:
        found = rows(database, "select crm_person_id, manual from crm_persons order by 1")
        return {number: json.loads(text)["name"]["source"] if text else None for number, text in found}

    assert manual() == {1: "app", 2: None, 3: "unknown", 4: "unknown"}
    drain(crm)
    handle_events(hooked, database)
    assert manual() == {1: "app", 2: None, 3: "app", 4: None}
    fields = known_fields(hooked)
    assert fields is not None


@pytest.mark.parametrize(
    "point",
    [
        "the first is read",
        "it is decided, nothing has landed",
        "a file has landed",
        "it is finished",
        "all is read, nothing decided",
    ],
)
def test_killed_the_events_are_handled_once_more_and_nothing_lands_twice(
    subscribed: PipedriveServer, hooked: Settings, database: Database, point: str
) -> None:
    crm = subscribed
    crm.load([{"name": "Ann"}])
    pull_day(hooked, database, DAY)
    crm.clock(advance_seconds=60)
    crm.edit(1, name="Ann Smith")
    crm.control("persons", {"name": "Bob"})
    drain(crm)
    kill_at(point, handle_there, hooked)
    while handle_events(hooked, database).events:
        pass
    found = [each for lines in persons(hooked) for each in lines]
    assert sorted(found) == [(1, "Ann"), (1, "Ann Smith"), (2, "Bob")]
    assert not are_new_events(database)
    assert rows(database, "select count(*) from api_pulls where state = 'OPEN'") == [(0,)]
