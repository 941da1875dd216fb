"""Tokens, limits, account states and faults of the stand-in, and what it counted."""

from __future__ import annotations

import base64
import os
import time
from typing import Any

import httpx
import pytest

from tests.servers import PipedriveServer, running_pipedrive

_PERSONS = "/api/v2/persons"
_WINDOW = 0.3


def test_only_a_good_token_gets_in(crm: PipedriveServer) -> None:
    for headers in ({}, {"x-api-token": "wrong"}, {"authorization": "Bearer wrong"}):
        reply = crm.http.get(_PERSONS, headers=headers)
        assert reply.status_code == 401
        assert reply.json()["errorCode"] == 401
    assert crm.http.get(_PERSONS, params={"api_token": crm.token}).status_code == 401
    assert (crm.usage()["unauthorized"], crm.usage()["tokens_by_day"]) == (4, {})


def _oauth(crm: PipedriveServer, *, secret: str = "test-secret", **form: str) -> httpx.Response:
    basic = base64.b64encode(f"test-client:{secret}".encode()).decode()
    return crm.http.post("/oauth/token", data=form, headers={"authorization": f"Basic {basic}"})


def test_a_code_gives_tokens_once_and_within_five_minutes(crm: PipedriveServer) -> None:
    uri = "https://example.com/back"
    form = {"grant_type": "authorization_code", "redirect_uri": uri}
    code = crm.control("oauth/code", {"redirect_uri": uri})["code"]
    assert _oauth(crm, secret="wrong", code=code, **form).status_code == 401
    given = _oauth(crm, code=code, **form).json()
    assert (given["token_type"], given["expires_in"], given["api_domain"]) == ("Bearer", 3599, crm.url)
    bearer = {"authorization": f"Bearer {given['access_token']}"}
    reply = crm.http.get(_PERSONS, headers=bearer)
    assert reply.status_code == 200
    assert "x-daily-requests-left" not in reply.headers
    assert _oauth(crm, code=code, **form).status_code == 400
    late = crm.control("oauth/code", {"redirect_uri": uri})["code"]
    crm.clock(advance_seconds=300)
    assert _oauth(crm, code=late, **form).json()["error"] == "invalid_grant"
    crm.clock(advance_seconds=3600)
    assert crm.http.get(_PERSONS, headers=bearer).status_code == 401
    again = _oauth(crm, grant_type="refresh_token", refresh_token=given["refresh_token"]).json()
    assert crm.http.get(_PERSONS, headers={"authorization": f"Bearer {again['access_token']}"}).status_code == 200
    assert _oauth(crm, grant_type="refresh_token", refresh_token="wrong").status_code == 400
    assert _oauth(crm, grant_type="password").status_code == 400


def test_a_scope_that_is_missing_is_403(crm: PipedriveServer) -> None:
    code = crm.control("oauth/code", {"redirect_uri": "x", "scope": "base contacts:read"})["code"]
    given = _oauth(crm, grant_type="authorization_code", redirect_uri="x", code=code).json()
    bearer = {"authorization": f"Bearer {given['access_token']}"}
    assert crm.http.get(_PERSONS, headers=bearer).status_code == 200
    assert crm.http.post(_PERSONS, headers=bearer, json={"name": "A"}).status_code == 403
    assert crm.http.get("/v1/webhooks", headers=bearer).status_code == 403
    assert crm.http.post("/v1/callLogs", headers=bearer, json={}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "tokens"),
    [
        ("GET", "/api/v2/persons", 10),
        ("GET", "/api/v2/persons/1", 1),
        ("POST", "/api/v2/persons", 5),
        ("PATCH", "/api/v2/persons/1", 5),
        ("DELETE", "/api/v2/persons/1", 3),
        ("GET", "/api/v2/persons/search", 20),
        ("GET", "/api/v2/personFields", 10),
        ("POST", "/api/v2/personFields", 5),
        ("GET", "/api/v2/activities", 10),
        ("PATCH", "/api/v2/activities/1", 5),
        ("GET", "/api/v2/deals", 10),
        ("PUT", "/v1/persons/1/merge", 40),
        ("GET", "/v1/recents", 20),
        ("GET", "/v1/persons/1/changelog", 20),
        ("POST", "/v1/callLogs", 10),
        ("POST", "/v1/webhooks", 10),
    ],
)
def test_calls_cost_what_the_documentation_says(crm: PipedriveServer, method: str, path: str, tokens: int) -> None:
    reply = crm.api(method, path)
    assert int(reply.headers["x-daily-ratelimit-token-remaining"]) == 30_000 - tokens
    assert crm.usage()["tokens_by_day"] == {"2026-03-02": tokens}


def test_a_burst_is_refused_until_the_window_has_moved_on(crm: PipedriveServer) -> None:
    crm.reset(burst=3, burst_window=_WINDOW, pause_grace=0)
    for left in (2, 1, 0):
        reply = crm.api("GET", _PERSONS)
        assert (reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"]) == ("3", str(left))
    refused = crm.api("GET", _PERSONS)
    assert (refused.status_code, refused.json()["error"]) == (429, "request limit exceeded")
    assert 0 < float(refused.headers["x-ratelimit-reset"]) <= _WINDOW
    assert "retry-after" not in refused.headers
    assert crm.api("GET", _PERSONS).status_code == 429
    other = crm.control("users", {"name": "Carl"})["api_token"]
    assert crm.api("GET", _PERSONS, headers={"x-api-token": other}).status_code == 200  # bursts are each token's own
    time.sleep(_WINDOW)
    assert crm.api("GET", _PERSONS).status_code == 200
    used = crm.usage()
    counted = {key: used[key] for key in ("requests", "accepted", "burst_exceeded", "requests_during_pause")}
    assert counted == {"requests": 7, "accepted": 5, "burst_exceeded": 2, "requests_during_pause": 1}
    assert used["tokens_by_day"] == {"2026-03-02": 50}  # refused ones cost nothing
    assert used["list_calls_by_path"] == {_PERSONS: 5}


def test_seconds_left_are_whole_where_the_window_is_not_shorter(crm: PipedriveServer) -> None:
    crm.reset(burst=1, burst_window=2.0)
    crm.api("GET", _PERSONS)
    assert crm.api("GET", _PERSONS).headers["x-ratelimit-reset"] in ("1", "2")


def test_searches_have_a_burst_of_their_own(crm: PipedriveServer) -> None:
    crm.reset(search_burst=1)
    search = {"params": {"term": "ann"}}
    assert crm.api("GET", f"{_PERSONS}/search", **search).status_code == 200
    assert crm.api("GET", f"{_PERSONS}/search", **search).status_code == 429
    assert crm.api("GET", _PERSONS).status_code == 200
    assert crm.usage()["search_burst_exceeded"] == 1


def test_the_daily_budget_is_the_companys_and_comes_back_at_midnight(crm: PipedriveServer) -> None:
    crm.reset(daily_tokens=25)
    other = {"x-api-token": crm.control("users", {"name": "Carl"})["api_token"]}
    assert crm.api("GET", _PERSONS).status_code == 200
    assert crm.api("GET", _PERSONS, headers=other).status_code == 200
    refused = crm.api("GET", _PERSONS)
    assert refused.status_code == 429
    assert refused.json() == {"success": False, "error": "daily request budget exceeded", "errorCode": 429}
    assert refused.headers["retry-after"] == str(16 * 3600)
    assert crm.api("POST", _PERSONS, json={"name": "A"}).status_code == 200  # 5 are left
    crm.clock("2026-03-02T23:59:59Z")
    assert crm.api("GET", f"{_PERSONS}/1").headers["retry-after"] == "1"
    crm.clock("2026-03-03T00:00:00Z")
    assert crm.api("GET", _PERSONS).status_code == 200
    assert crm.usage()["tokens_by_day"] == {"2026-03-02": 25, "2026-03-03": 10}
    assert crm.usage()["daily_exceeded"] == 2


def test_midnight_is_the_servers(crm: PipedriveServer) -> None:
    crm.reset(daily_tokens=10, utc_offset_hours=-6)
    crm.api("GET", _PERSONS)
    assert crm.api("GET", _PERSONS).headers["retry-after"] == str(22 * 3600)


def test_who_does_not_stop_meets_html(crm: PipedriveServer) -> None:
    crm.reset(daily_tokens=0, blocked_after=2, blocked_seconds=60)
    assert [crm.api("GET", _PERSONS).status_code for _ in range(4)] == [429, 429, 403, 403]
    reply = crm.api("GET", _PERSONS)
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["server"] == "cloudflare"
    assert crm.usage()["blocked"] == 3


def test_an_account_that_is_not_open_is_402(crm: PipedriveServer) -> None:
    crm.control("account", {"state": "trial_expired"})
    assert crm.api("GET", _PERSONS).status_code == 402
    crm.control("account", {"state": "open"})
    assert crm.api("GET", _PERSONS).status_code == 200


def test_bodies_are_json(crm: PipedriveServer) -> None:
    assert crm.api("POST", _PERSONS, data={"name": "A"}).status_code == 415
    headers = {"content-type": "application/json"}
    assert crm.api("POST", _PERSONS, content="{", headers=headers).status_code == 400


@pytest.mark.parametrize("status", [404, 409, 410, 422, 500, 501, 503])
def test_the_next_request_to_a_path_may_get_any_status(crm: PipedriveServer, status: int) -> None:
    crm.once(status, r"/persons/7$", method="PATCH", skip=1)
    crm.load(count=7)
    bodies = [{"name": "A"}, {"name": "B"}, {"name": "C"}]
    assert crm.api("PATCH", f"{_PERSONS}/6", json={"name": "X"}).status_code == 200
    found = [crm.api("PATCH", f"{_PERSONS}/7", json=body).status_code for body in bodies]
    assert found == [200, status, 200]


@pytest.mark.parametrize(
    ("kind", "error", "applied"),
    [
        # A closed connection is a ReadError or a RemoteProtocolError, as the packets happen to come.
        ("torn", httpx.TransportError, True),
        ("drop_after_apply", httpx.TransportError, True),
        ("reset", httpx.TransportError, False),
        ("timeout", httpx.ReadTimeout, False),
    ],
)
def test_a_reply_may_be_lost_with_the_work_done_or_not(
    crm: PipedriveServer, kind: str, error: type[Exception], applied: bool
) -> None:
    crm.once(kind)
    with pytest.raises(error):
        crm.api("POST", _PERSONS, json={"name": "A"}, timeout=0.2)
    assert crm.control("state")["persons"] == applied
    used = crm.usage()
    assert (used["faults"], used["accepted"]) == ({kind: 1}, 1)
    assert crm.api("GET", _PERSONS).status_code == 200
    assert [entry["fault"] for entry in crm.log()] == [kind, None]


def test_a_share_of_requests_fails_and_the_same_ones_with_the_same_seed(crm: PipedriveServer) -> None:
    def statuses() -> list[Any]:
        crm.faults(rate=0.5, kinds=["500", "503", "slow"], seed=7, methods=["GET"], slow_seconds=0.001)
        return [crm.api("GET", _PERSONS).status_code for _ in range(30)]

    first = statuses()
    assert set(first) == {200, 500, 503}
    assert statuses() == first
    assert all(crm.api("POST", _PERSONS, json={"name": "A"}).status_code == 200 for _ in range(10))
    crm.faults()
    assert all(crm.api("GET", _PERSONS).status_code == 200 for _ in range(10))


def test_a_reset_forgets_all_and_refuses_unknown_settings(crm: PipedriveServer) -> None:
    crm.load(count=3)
    crm.api("GET", _PERSONS)
    crm.reset()
    assert (crm.control("state")["persons"], crm.usage()["requests"]) == (0, 0)
    with pytest.raises(AssertionError):
        crm.reset(bursts=3)


def test_the_server_ends_with_its_block() -> None:
    with running_pipedrive() as running:
        assert running.api("GET", "/v1/users/me").status_code == 200
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
