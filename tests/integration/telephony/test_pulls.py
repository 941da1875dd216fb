"""Pulls: what is read lands once, whole, and goes on after a kill; what changed later is read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cm_core.errors import UsageError, WriterBusy
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import named_lock
from cm_core.telephony import (
    RingCentralClient,
    client,
    pull_calls,
    pull_calls_range,
    pull_consents,
    pull_messages,
    pull_status,
    pulls,
    statements,
)
from cm_core.telephony.client import Page
from cm_core.web import ApiUnavailable
from tests.integration.telephony.conftest import call
from tests.servers.ringcentral import RingCentral, generate

DAY = date(2026, 9, 14)


def landed(settings: Settings, key: str | None) -> list[dict[str, Any]]:
    assert key is not None
    return [json.loads(line) for line in landing_zone(settings).get_bytes(key).decode().split("\n")[:-1]]


def files(settings: Settings) -> list[str]:
    return sorted(Path(info.key).name for info in landing_zone(settings).list())


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten records a page."""
    monkeypatch.setattr(client, "PAGE", 10)


def test_a_day_lands_with_the_days_before_it_as_the_api_gave_it(
    settings: Settings, database: Database, api: RingCentral
) -> None:
    starts = ["11T23:59", "12T00:00", "13T12:00", "14T23:59", "15T00:00"]
    api.add_calls([call(start, start) for start in starts])
    result = pull_calls(settings, database, DAY)
    assert (result.state, result.records, result.pages, result.revision) == ("LANDED", 3, 1, 1)
    assert (result.window_from, result.window_to) == (datetime(2026, 9, 12), datetime(2026, 9, 15))
    assert (result.requests, result.left is not None) == (api.usage()["list_calls"] + api.usage()["logins"], True)
    assert files(settings) == ["ringcentral_calls_20260914T000000_r1.jsonl"]
    whole = {record["id"]: record for record in api.calls()}
    assert landed(settings, result.landing_key) == [whole[start] for start in reversed(starts[1:4])]


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_call_at_midnight_is_of_one_day_however_the_api_takes_date_to(
    ringcentral_settings: Callable[..., Settings], database: Database, api: RingCentral, inclusive: bool
) -> None:
    settings = ringcentral_settings(ringcentral_overlap_days=0)
    api.configure(date_to_inclusive=inclusive)
    api.add_calls([call("midnight", "14T00:00"), call("noon", "13T12:00")])
    days = [pull_calls(settings, database, date(2026, 9, day)) for day in (13, 14)]
    assert [[r["id"] for r in landed(settings, one.landing_key)] for one in days] == [["noon"], ["midnight"]]


def test_the_same_again_lands_nothing_and_what_changed_lands_once_more(
    settings: Settings, database: Database, api: RingCentral
) -> None:
    api.add_calls([call("a", "13T12:00", result="No Answer")])
    first = pull_calls(settings, database, DAY)
    again = pull_calls(settings, database, DAY)
    assert (again.state, again.landing_key, again.revision) == ("SAME", first.landing_key, 2)
    api.change_call("a", result="Wrong Number")
    changed = pull_calls(settings, database, DAY)
    assert (changed.state, changed.revision) == ("LANDED", 3)
    assert landed(settings, changed.landing_key)[0]["result"] == "Wrong Number"
    assert len(files(settings)) == 2
    assert pull_calls(settings, database, date(2026, 9, 10)).state == "EMPTY"


def test_a_pull_that_was_ended_goes_on_with_the_next_page(
    settings: Settings, database: Database, api: RingCentral, small_pages: None
) -> None:
    made = generate.calls(45, "2026-09-14T00:00:00Z", "2026-09-15T00:00:00Z")
    api.add_calls(made)
    api.fault("500", "call-log", times=3, skip=2)
    with pytest.raises(ApiUnavailable):
        pull_calls(settings, database, DAY)
    assert files(settings) == []
    api.reset_usage()
    result = pull_calls(settings, database, DAY)
    assert [request["query"]["page"] for request in api.requests()] == [["3"], ["4"], ["5"]]
    assert (result.state, result.pages, result.records, result.revision) == ("LANDED", 5, 45, 1)
    assert {r["id"] for r in landed(settings, result.landing_key)} == {r["id"] for r in made}
    assert result.requests >= 8  # those of before are counted with it


@pytest.mark.parametrize("statement", [statements.PLACE, statements.FINISH])
def test_a_pull_that_was_ended_while_it_landed_lands_once(
    settings: Settings, database: Database, api: RingCentral, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    api.add_calls([call("a", "14T12:00")])
    execute = pulls._execute

    def fail(connection: Any, this: str, *values: object) -> None:
        execute(connection, this, *values) if this != statement or statement == statements.PLACE else None
        if this == statement:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pulls, "_execute", fail)
        with pytest.raises(KeyboardInterrupt):
            pull_calls(settings, database, DAY)
    result = pull_calls(settings, database, DAY)
    assert (result.state, result.revision, api.usage()["list_calls"]) == ("LANDED", 1, 1)
    assert files(settings) == ["ringcentral_calls_20260914T000000_r1.jsonl"]


def test_a_pull_that_was_left_for_long_begins_anew(
    settings: Settings, database: Database, api: RingCentral, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add_calls([call(f"c{number}", f"14T12:{number:02}") for number in range(15)])
    api.fault("500", "call-log", times=3, skip=1)
    with pytest.raises(ApiUnavailable):
        pull_calls(settings, database, DAY)
    api.change_call("c14", result="Busy")
    monkeypatch.setattr(pulls, "_LEFT_FOR_GOOD", timedelta())
    result = pull_calls(settings, database, DAY)
    assert (result.pages, result.records, result.revision) == (2, 15, 1)
    assert landed(settings, result.landing_key)[0]["result"] == "Busy"


def test_calls_that_come_while_pages_are_read_neither_double_nor_lose_any(
    settings: Settings, database: Database, api: RingCentral, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new call pushes the last of a page to the next one; a deletion would pull one over, but deleted ones stay."""
    api.add_calls([call(f"c{number:02}", f"14T12:{number:02}") for number in range(25)])
    list_calls = RingCentralClient.list_calls

    def meanwhile(self: RingCentralClient, *args: Any) -> Any:
        page = list_calls(self, *args)
        if page.next_page == "2":
            api.add_calls([call("late", "14T13:00")])
            api.change_call("c20", deleted=True)
            api.change_call("c15", result="Voicemail")  # the last of page 1, which is the first of page 2 now
        return page

    monkeypatch.setattr(RingCentralClient, "list_calls", meanwhile)
    result = pull_calls(settings, database, DAY)
    found = {record["id"]: record for record in landed(settings, result.landing_key)}
    assert (len(found), result.records) == (25, 25)
    assert found["c15"]["result"] == "Voicemail"
    monkeypatch.setattr(RingCentralClient, "list_calls", list_calls)
    later = pull_calls(settings, database, DAY)
    assert {"late", "c20"} <= {r["id"] for r in landed(settings, later.landing_key)}


def test_a_range_takes_a_request_for_each_full_page(
    settings: Settings, database: Database, api: RingCentral, small_pages: None
) -> None:
    """As a hundred thousand calls take a hundred requests at a thousand a page."""
    api.generate_calls(1_000, "2026-08-15T00:00:00Z", "2026-09-14T00:00:00Z")
    (result,) = pull_calls_range(settings, database, date(2026, 8, 15), date(2026, 9, 13))
    assert (result.records, result.pages) == (1_000, 100)
    assert api.usage()["list_calls"] <= 101


def test_a_range_lands_a_month_a_file_and_ends_where_ringcentral_has_nothing(
    settings: Settings, database: Database, api: RingCentral
) -> None:
    api.add_calls([call("a", "14T12:00")])
    results = pull_calls_range(settings, database, date(2026, 7, 1), date(2026, 9, 14))
    assert [(r.window_from.date(), r.window_to.date(), r.state) for r in results] == [
        (date(2026, 7, 1), date(2026, 8, 1), "EMPTY"),
        (date(2026, 8, 1), date(2026, 9, 1), "EMPTY"),
        (date(2026, 9, 1), date(2026, 9, 15), "LANDED"),
    ]
    today = datetime.now(UTC).date()
    with pytest.raises(UsageError, match="twelve months"):
        pull_calls_range(settings, database, today - timedelta(days=400), today)
    with pytest.raises(UsageError, match="before it begins"):
        pull_calls_range(settings, database, today, today - timedelta(days=1))


def test_one_at_a_time_pulls_a_day(
    settings: Settings, database: Database, api: RingCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls, "_PATIENCE_S", 0)
    name = "cm_pull.ringcentral_calls.20260914T000000"
    with database.connect() as connection, named_lock(connection, name, timeout_s=0), pytest.raises(WriterBusy):
        pull_calls(settings, database, DAY)


def test_texts_of_several_extensions_land_together(
    ringcentral_settings: Callable[..., Settings], database: Database, api: RingCentral, small_pages: None
) -> None:
    ends = {"from": {"phoneNumber": "+14052329700"}, "to": [{"phoneNumber": "+14052329000"}]}
    said = [{"subject": f"text {n}", "creationTime": f"2026-09-14T12:{n:02}:00.000Z", **ends} for n in range(12)]
    ids = api.add_messages([*said, {**said[0], "extensionId": "77"}, {**said[0], "type": "VoiceMail"}])
    api.change_message(ids[1], availability="Deleted")
    settings = ringcentral_settings(ringcentral_extensions="~, 77")
    result = pull_messages(settings, database, DAY)
    assert (result.records, result.pages) == (13, 3)
    assert [r["extensionId"] for r in landed(settings, result.landing_key)].count("77") == 1


def test_an_extension_that_is_not_read_any_more_ends_no_pull(
    ringcentral_settings: Callable[..., Settings], database: Database, api: RingCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def list_messages(self: RingCentralClient, extension: str, *arguments: Any) -> Page:
        if extension == "103":
            raise KeyboardInterrupt
        read.append(extension)
        return Page([], None)

    monkeypatch.setattr(RingCentralClient, "list_messages", list_messages)
    settings = ringcentral_settings(ringcentral_extensions="~,102,103")
    with pytest.raises(KeyboardInterrupt):
        pull_messages(settings, database, DAY)
    fewer = settings.model_copy(update={"ringcentral_extensions": "~,102"})
    assert pull_messages(fewer, database, DAY).state == "EMPTY"
    assert read == ["~", "102", "~", "102"], "what is left begins with the first"


def test_consents_land_when_they_differ_from_what_landed_last(
    settings: Settings, database: Database, api: RingCentral
) -> None:
    api.add_consents([{"from": "*", "to": "+14052329700", "optStatus": "OptOut"}])
    first = pull_consents(settings, database, DAY)
    next_day = pull_consents(settings, database, date(2026, 9, 15))
    assert (first.state, next_day.state, next_day.landing_key) == ("LANDED", "SAME", first.landing_key)
    api.add_consents([{"from": "*", "to": "+14052329701", "optStatus": "OptOut"}])
    assert pull_consents(settings, database, date(2026, 9, 15)).state == "LANDED"
    api.clear_consents()
    api.add_consents([{"from": "*", "to": "+14052329700", "optStatus": "OptIn"}])
    assert pull_consents(settings, database, date(2026, 9, 15)).state == "EMPTY"


def test_the_status_tells_pulls_and_limits(settings: Settings, database: Database, api: RingCentral) -> None:
    api.add_calls([call("a", "14T12:00")])
    pulled = pull_calls(settings, database, DAY)
    found = pull_status(database)
    assert [(p.pull_id, p.state, p.records, p.requests) for p in found.pulls] == [
        (pulled.pull_id, "LANDED", 1, pulled.requests)
    ]
    assert [(g.limit_group, g.requests) for g in found.groups if g.limit_group == "heavy"] == [("heavy", 1)]
    assert json.dumps(found.as_json(), default=str)


@pytest.mark.soak
def test_a_hundred_thousand_calls_take_a_hundred_requests(
    settings: Settings, database: Database, api: RingCentral
) -> None:
    api.generate_calls(100_000, "2026-08-15T00:00:00Z", "2026-09-14T00:00:00Z")
    (result,) = pull_calls_range(settings, database, date(2026, 8, 15), date(2026, 9, 13))
    assert (result.records, api.usage()["list_calls"]) == (100_000, 100)
