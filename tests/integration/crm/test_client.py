"""The client against a server that behaves as Pipedrive's documents say: every call, every error (domain: 1.3-1.9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import pytest

from cm_core.crm import PipedriveClient, normal, pipedrive
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.web import ApiRefused, ApiUnavailable, BudgetSpent, Busy, NotThere, Unanswered
from tests.servers import PipedriveServer

from .conftest import rows

ANN = {"name": "Ann Smith", "emails": [{"value": "ann@example.com"}], "phones": ["+14055550100"]}


def test_a_person_is_made_read_changed_found_and_deleted(crm: PipedriveServer, client: PipedriveClient) -> None:
    made = client.create_person({"name": "Ann Smith", "emails": [{"value": "ann@example.com"}]})
    read = client.get_person(made["id"])
    assert (read["name"], read["emails"][0]["value"], read["marketing_status"]) == (
        "Ann Smith",
        "ann@example.com",
        "no_consent",
    )
    phones = [{"value": "+14055550100", "label": "mobile", "primary": True}]
    changed = client.update_person(made["id"], {"phones": phones})
    assert [(p["value"], p["label"]) for p in changed["phones"]] == [("+14055550100", "mobile")]
    assert [e["value"] for e in changed["emails"]] == ["ann@example.com"], "what was not named stays"
    assert [p["id"] for p in client.search_persons("ann@example.com", fields=["email"], exact=True).items] == [
        made["id"]
    ]
    log = client.changelog(made["id"]).items
    assert {entry["field_key"] for entry in log} == {"phone"}
    assert log[0]["change_source"] == "api"
    client.delete_person(made["id"])
    assert client.get_person(made["id"])["is_deleted"]
    assert client.list_persons().items == []
    client.delete_person(made["id"])  # it was deleted: that is no error
    with pytest.raises(NotThere, match=r"GET /persons/\{id\}: 404"):
        client.get_person(4711)


def test_a_list_comes_in_pages_of_its_window_in_its_order(crm: PipedriveServer, client: PipedriveClient) -> None:
    crm.load(count=1203, first_time="2026-01-01T00:00:00Z", every_seconds=60)
    seen, cursor = [], None
    while True:
        page = client.list_persons(cursor=cursor)
        seen += [item["id"] for item in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == sorted(seen)
    assert len(set(seen)) == 1203
    assert crm.usage()["list_calls_by_path"]["/api/v2/persons"] == 3
    assert page.server_time == datetime(2026, 3, 2, 8)
    window = client.list_persons(
        updated_since=datetime(2026, 1, 1, 1, 0, 0, 999_999),
        updated_until=datetime(2026, 1, 1, 2),
        sort_by="update_time",
    )
    times = [item["update_time"] for item in window.items]
    assert len(times) == 60, "from the first moment on, up to the last and without it; parts of a second do not count"
    assert (times[0], times[-1]) == ("2026-01-01T01:00:00Z", "2026-01-01T01:59:00Z")
    some = list(client.persons_of([*seen[:150], 99_999]))
    assert [item["id"] for item in some] == seen[:150]


def test_a_merge_leaves_the_survivor_and_says_who_is_gone(crm: PipedriveServer, client: PipedriveClient) -> None:
    crm.load([{"name": "Ann", "phones": ["1"]}, {"name": "Ann Smith", "emails": ["a@example.com"]}])
    gone, stays = (item["id"] for item in client.list_persons().items)
    reply = client.merge_persons(gone, stays)
    assert reply["id"] == stays
    record = normal(reply)
    assert [point.value for point in record.phones] == ["1"]
    assert record.update_time == datetime(2026, 3, 2, 8)
    assert [item["id"] for item in client.list_persons().items] == [stays]


def test_fields_are_made_and_found_with_their_options(crm: PipedriveServer, client: PipedriveClient) -> None:
    made = client.create_field("Do not contact", "set", options=["call", "sms"])
    (found,) = [field for field in client.person_fields() if field["field_code"] == made["field_code"]]
    assert [option["label"] for option in found["options"]] == ["call", "sms"]
    option = found["options"][1]["id"]
    person = client.create_person({"name": "Ann", "custom_fields": {made["field_code"]: [option]}})
    assert person["custom_fields"][made["field_code"]] == [option]


def test_activities_deals_webhooks_and_who_we_are(crm: PipedriveServer, client: PipedriveClient) -> None:
    person = client.create_person({"name": "Ann"})["id"]
    crm.control(
        "activities", {"subject": "Call", "type": "call", "participants": [{"person_id": person, "primary": True}]}
    )
    crm.control("deals", {"title": "Lease", "person_id": person})
    crm.control("deals", {"title": "Old", "person_id": person, "is_archived": True})
    assert [item["subject"] for item in client.list_activities(person_id=person).items] == ["Call"]
    assert [item["title"] for item in client.list_deals(person_id=person, status="open").items] == ["Lease"]
    assert [item["title"] for item in client.list_deals(archived=True).items] == ["Old"]
    hook = client.create_webhook(
        "https://example.com/x", name="cm", entity="person", action="*", user="u", password="p" * 12
    )
    assert [found["id"] for found in client.webhooks()] == [hook["id"]]
    client.delete_webhook(hook["id"])
    client.delete_webhook(hook["id"])
    assert client.webhooks() == []
    assert client.me()["company_id"] == 7_700_001


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (lambda c: c.create_person({}), r"400, .*name"),
        (lambda c: c.list_persons(cursor="nonsense"), "400, Provided cursor is invalid"),
        (lambda c: c.update_person(1, {"phones": "12"}), "400, "),
        (lambda c: c.update_person(1, {"job_title": "x"}), "403, job_title can only be written.*may not do this"),
        (lambda c: c.list_persons(ids=range(101)), "400, .*ids"),
        (lambda c: c.create_webhook("no url", name="", entity="person", action="*", user="u", password="p"),
         r"400, .*subscription_url: invalid.*name: is required"),
    ],
)  # fmt: skip
def test_what_it_refuses_is_said_in_a_line_and_sent_once(
    crm: PipedriveServer, client: PipedriveClient, cause: Callable[[PipedriveClient], object], message: str
) -> None:
    crm.load([{"id": 1, "name": "Ann"}])
    before = crm.usage()["requests"]
    with pytest.raises(ApiRefused, match=message) as error:
        cause(client)
    assert "\n" not in str(error.value)
    assert not error.value.retryable
    assert crm.usage()["requests"] == before + 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (402, "the Pipedrive account is not open"),
        (403, "the user of the token may not do this"),
        (405, "without /api/v2"),
        (415, "does not take JSON"),
        (422, "cannot carry it out"),
    ],
)
def test_each_refusal_says_what_to_do(crm: PipedriveServer, client: PipedriveClient, status: int, message: str) -> None:
    crm.once(status, "persons", body='{"success": false, "error": "no"}', headers={"content-type": "application/json"})
    with pytest.raises(ApiRefused, match=f"{status}, no: .*{message}"):
        client.list_persons()


def test_a_wrong_token_and_an_account_that_is_not_open(
    crm: PipedriveServer, client: PipedriveClient, crm_settings: Settings, database: Database
) -> None:
    wrong = crm_settings.model_copy(update={"pipedrive_token": type(crm_settings.pipedrive_token)("not-the-token")})
    with pipedrive(wrong, database, purpose="test") as stranger:
        with pytest.raises(ApiRefused, match=r"401, unauthorized access: .*CM_PIPEDRIVE_TOKEN") as error:
            stranger.me()
    assert "not-the-token" not in str(error.value)
    crm.control("account", {"state": "trial_expired"})
    with pytest.raises(ApiRefused, match=r"402, .*is not open"):
        client.me()
    with pytest.raises(SettingsError, match="CM_PIPEDRIVE_TOKEN is not set"):
        with pipedrive(crm_settings.model_copy(update={"pipedrive_token": None}), database, purpose="test"):
            pass
    with pytest.raises(SettingsError, match="https://"):
        with pipedrive(crm_settings.model_copy(update={"pipedrive_url": "pipedrive"}), database, purpose="test"):
            pass


def test_what_is_gone_is_not_there(crm: PipedriveServer, client: PipedriveClient) -> None:
    crm.reset(deleted_reply=410)
    person = client.create_person({"name": "Ann"})["id"]
    client.delete_person(person)
    with pytest.raises(NotThere, match=r"410, .*gone for good"):
        client.get_person(person)


@pytest.mark.parametrize("kind", ["500", "503", "torn", "drop_after_apply", "reset"])
def test_reading_is_tried_again_and_gives_up_after_three_tries(
    crm: PipedriveServer, client: PipedriveClient, kind: str
) -> None:
    crm.load([{"name": "Ann"}])
    crm.once(kind, "persons", times=2)
    assert len(client.list_persons().items) == 1
    crm.once(kind, "persons", times=3)
    with pytest.raises(ApiUnavailable) as error:
        client.list_persons()
    assert error.value.retryable
    assert crm.usage()["requests"] == 6


def test_an_answer_that_does_not_come_is_not_waited_for(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.faults(hang_seconds=3)
    crm.once("timeout", "persons", times=1)
    settings = crm_settings.model_copy(update={"web_timeout_seconds": 0.3})
    with pipedrive(settings, database, purpose="test") as client:
        assert client.list_persons().items == []


@pytest.mark.parametrize("kind", ["500", "503", "torn", "drop_after_apply"])
def test_a_creation_or_merge_without_an_answer_is_never_sent_twice(
    crm: PipedriveServer, client: PipedriveClient, kind: str
) -> None:
    crm.load([{"name": "Ann"}, {"name": "Ann"}])
    crm.once(kind, "persons", method="POST")
    with pytest.raises(Unanswered):
        client.create_person({"name": "Bob"})
    made = [item["name"] for item in client.list_persons().items].count("Bob")
    assert made == (kind in ("torn", "drop_after_apply"))
    crm.once(kind, "merge")
    with pytest.raises(Unanswered):
        client.merge_persons(1, 2)
    assert crm.usage()["requests"] == 3


def test_a_creation_that_was_refused_for_rate_is_sent_again(crm: PipedriveServer, client: PipedriveClient) -> None:
    crm.once(
        429, "persons", headers={"x-ratelimit-reset": "0"}, body='{"success":false,"error":"request limit exceeded"}'
    )
    client.create_person({"name": "Bob"})
    assert len(client.list_persons().items) == 1


def test_a_burst_that_others_used_up_is_sat_out_and_the_pause_is_everybodys(
    crm: PipedriveServer, client: PipedriveClient, database: Database
) -> None:
    crm.once(
        429, "persons", body='{"success": false, "error": "request limit exceeded"}', headers={"x-ratelimit-reset": "1"}
    )
    began = time.monotonic()
    client.list_persons()
    assert time.monotonic() - began >= 1
    ((group, reason),) = rows(database, "select limit_group, reason from api_pauses")
    assert group == "burst"
    assert "too many requests at once" in reason


def test_searches_pause_alone(crm: PipedriveServer, client: PipedriveClient, database: Database) -> None:
    crm.once(429, "search", body="{}", headers={"x-ratelimit-reset": "30"})
    with pytest.raises(Busy):
        client.search_persons("ann")
    client.list_persons()
    assert rows(database, "select limit_group from api_pauses") == [("search",)]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('{"success":false,"error":"daily request budget exceeded","errorCode":429}', {"retry-after": "3939"}),
        ('{"success":false,"error":"daily request budget exceeded"}', {}),
        ("{}", {"retry-after": "39390"}),
        ("{}", {"x-daily-requests-left": "0"}),
    ],
)
def test_a_day_that_is_spent_parks_whoever_asks_and_is_not_asked_again(
    crm: PipedriveServer, client: PipedriveClient, body: str, headers: dict[str, str]
) -> None:
    crm.once(429, "persons", body=body, headers=headers)
    with pytest.raises(Busy, match="tokens of the day are spent") as error:
        client.list_persons()
    assert error.value.seconds >= 3600
    with pytest.raises(Busy):
        client.me()
    assert crm.usage()["requests"] == 1, "nobody spins"


def test_the_servers_own_daily_budget_is_told_from_its_burst(crm: PipedriveServer, client: PipedriveClient) -> None:
    crm.reset(daily_tokens=15)
    client.list_persons()
    with pytest.raises(Busy, match="tokens of the day") as error:
        client.list_persons()
    assert error.value.seconds == pytest.approx(16 * 3600, abs=5), "until its midnight"


def test_a_page_of_html_with_403_is_a_long_pause_and_no_refusal(
    crm: PipedriveServer, client: PipedriveClient, database: Database
) -> None:
    crm.once(403, "persons", body="<html>blocked</html>", headers={"content-type": "text/html"})
    with pytest.raises(Busy, match="shut us out") as error:
        client.list_persons()
    assert error.value.seconds == 300
    assert "html" not in str(error.value)
    assert rows(database, "select count(*) from api_pauses") == [(1,)]


def test_our_own_budget_holds_before_anything_is_sent_and_keeps_a_reserve(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    person = crm.control("persons", {"name": "Ann"})["id"]
    settings = crm_settings.model_copy(update={"pipedrive_daily_tokens": 20, "pipedrive_reserve_tokens": 10})
    with pipedrive(settings, database, purpose="test") as client:
        client.me()  # from now on we know which day it is there
        client.list_persons()
        with pytest.raises(BudgetSpent, match=r"10 of today's 20 tokens .* waits for tomorrow"):
            client.get_person(person)
        client.update_person(person, {"name": "Ann Smith"}, from_reserve=True)
        assert client.usage().tokens == 17
    assert crm.usage()["requests"] == 3
    assert sum(crm.usage()["tokens_by_day"].values()) == 17, "both sides reckon alike"


def test_no_limit_is_exceeded_however_fast_we_ask(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    """The server counts for itself: requests in a window, searches in it, requests during a pause."""
    crm.reset(burst=6, search_burst=10, burst_window=0.4)
    settings = crm_settings.model_copy(update={"pipedrive_burst": 6, "pipedrive_burst_seconds": 0.4})
    with pipedrive(settings, database, purpose="test") as client:
        for _ in range(14):
            client.me()
        for _ in range(3):
            client.search_persons("ann")
    usage = crm.usage()
    assert (usage["accepted"], usage["burst_exceeded"], usage["requests_during_pause"]) == (17, 0, 0)
    assert usage["most_in_window"] <= 6


def test_odd_answers_are_no_traceback(crm: PipedriveServer, client: PipedriveClient) -> None:
    for body in ("[]", '"text"', '{"success": true, "data": {"a": 1}}', "", "null"):
        crm.once(200, "persons", body=body, times=3)
        with pytest.raises(ApiUnavailable):
            client.list_persons()
        crm.control("faults", method="DELETE")
    crm.once(200, "persons", body='{"success": false, "error": "we know not why"}')
    with pytest.raises(ApiRefused, match="we know not why"):
        client.list_persons()
    crm.once(200, "persons", body='{"success": true, "data": null}')
    assert client.list_persons().items == []
