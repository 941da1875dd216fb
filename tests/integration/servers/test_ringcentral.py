"""The fake RingCentral does as the documents say: what the client is tested against has to be right itself."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.servers.ringcentral import RingCentral, generate, running_ringcentral

LOG = "/restapi/v1.0/account/~/call-log"
SYNC = "/restapi/v1.0/account/~/call-log-sync"
EXTRACT = "/restapi/v1.0/account/~/call-log-extract-sync"
STORE = "/restapi/v1.0/account/~/extension/~/message-store"
MESSAGE_SYNC = "/restapi/v1.0/account/~/extension/~/message-sync"
CONSENTS = "/restapi/v2/accounts/~/sms/consents"
TOKEN = "/restapi/oauth/token"
JWT = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "header.payload.signature"}
BASIC = {"Authorization": "Basic " + base64.b64encode(b"client-id:client-secret").decode()}
NOON = "2026-09-15T12:00:00.000Z"
Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def server() -> Iterator[RingCentral]:
    with running_ringcentral() as ringcentral:
        yield ringcentral


@pytest.fixture
def ringcentral(server: RingCentral) -> RingCentral:
    """The server as it is at first, but with limits that nobody meets."""
    server.clear_faults()
    server.clear_calls()
    server.clear_messages()
    server.permit()
    server.configure(
        light=10_000, medium=10_000, heavy=10_000, auth=10_000, window=60, penalty=60, retry_after=True,
        access_token_life=3599, refresh_token_grace=10, date_to_inclusive=False, show_deleted=True,
        messages_per_folder=5000,
    )  # fmt: skip
    server.set_clock(NOON, ticking=False)
    server.reset_usage()
    return server


@pytest.fixture
def http(ringcentral: RingCentral) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=ringcentral.url, timeout=10) as client:
        yield client


@pytest.fixture
def get(http: httpx.Client) -> Get:
    """GET with a login."""
    token = http.post(TOKEN, headers=BASIC, data=JWT).json()["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"
    return lambda path, **params: http.get(path, params=params)


def call(call_id: str, start: str, **values: Any) -> dict[str, Any]:
    ends = {"from": {"phoneNumber": "+14052329000", "extensionNumber": "101"}, "to": {"phoneNumber": "+14052329700"}}
    return {"id": call_id, "startTime": f"2026-09-{start}:00.000Z", **ends, **values}


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()["records"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["errorCode"]


# --- Login ---


def test_a_jwt_is_given_for_a_token_and_a_refresh_token_is_good_once(ringcentral: RingCentral, http: httpx.Client):
    ringcentral.configure(refresh_token_grace=0)
    given = http.post(TOKEN, headers=BASIC, data=JWT).json()
    assert given["token_type"] == "bearer"
    assert given["expires_in"] == 3599
    assert "ReadCallLog" in given["scope"].split()
    refresh = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert http.post(TOKEN, headers=BASIC, data=refresh).status_code == 200
    time.sleep(0.01)
    again = http.post(TOKEN, headers=BASIC, data=refresh)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_wrong_credentials_and_grants_are_refused(http: httpx.Client):
    wrong_client = http.post(TOKEN, headers={"Authorization": "Basic eDp5"}, data=JWT)
    assert (wrong_client.status_code, wrong_client.json()["error"]) == (401, "invalid_client")
    wrong_jwt = http.post(TOKEN, headers=BASIC, data={**JWT, "assertion": "x"})
    assert (wrong_jwt.status_code, wrong_jwt.json()["error"]) == (400, "invalid_grant")
    wrong_grant = http.post(TOKEN, headers=BASIC, data={"grant_type": "password"})
    assert wrong_grant.json()["error"] == "unsupported_grant_type"


def test_a_token_that_is_missing_unknown_expired_or_revoked_is_401(
    ringcentral: RingCentral, http: httpx.Client, get: Get
):
    assert get(LOG).status_code == 200
    token = http.headers.pop("Authorization").removeprefix("Bearer ")
    assert code(http.get(LOG)) == (401, "OAU-123")
    assert code(http.get(LOG, headers={"Authorization": "Digest x"})) == (401, "OAU-151")
    assert code(http.get(LOG, headers={"Authorization": "Bearer x"})) == (401, "OAU-129")
    ringcentral.expire_tokens()
    assert code(http.get(LOG, headers={"Authorization": f"Bearer {token}"})) == (401, "OAU-128")
    http.post("/restapi/oauth/revoke", headers=BASIC, data={"token": token})
    assert code(http.get(LOG, headers={"Authorization": f"Bearer {token}"})) == (401, "OAU-129")


def test_the_sixth_session_ends_the_first(http: httpx.Client, get: Get):
    for _ in range(5):
        http.post(TOKEN, headers=BASIC, data=JWT)
    assert code(get(LOG)) == (401, "OAU-129")


# --- Limits ---


def test_limits_count_a_window_and_every_request_in_the_penalty_begins_it_anew(ringcentral: RingCentral, get: Get):
    ringcentral.configure(heavy=2, window=5, penalty=0.4)
    first, second = get(LOG), get(LOG)
    assert first.headers["X-Rate-Limit-Group"] == "heavy"
    assert [a.headers["X-Rate-Limit-Remaining"] for a in (first, second)] == ["1", "0"]
    third = get(LOG)
    assert code(third) == (429, "CMN-301")
    assert third.headers["Retry-After"] == "1"
    for _ in range(3):
        time.sleep(0.25)
        assert get(LOG).status_code == 429
    usage = ringcentral.usage()
    assert (usage["exceeded"], usage["requests_in_penalty"], usage["requests"]["heavy"]) == (1, 3, 6)
    assert get(STORE).status_code == 200  # another group
    ringcentral.configure(retry_after=False, window=0.1)
    assert "Retry-After" not in get(LOG).headers
    time.sleep(0.45)
    assert get(LOG).status_code == 200


def test_logins_have_a_limit_of_their_own(ringcentral: RingCentral, http: httpx.Client):
    ringcentral.configure(auth=5)
    answers = [http.post(TOKEN, headers=BASIC, data=JWT).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


# --- Call log ---


def test_without_dates_the_last_24_hours_are_listed(ringcentral: RingCentral, get: Get):
    ringcentral.add_calls([call("old", "14T11:59"), call("new", "14T12:00"), call("newer", "15T11:00")])
    assert ids(get(LOG)) == ["newer", "new"]
    assert ids(get(LOG, dateTo="2026-09-14T12:00:00Z")) == ["old"]


@pytest.mark.parametrize(("inclusive", "expected"), [(False, ["a"]), (True, ["b", "a"])])
def test_a_call_at_date_to_is_outside_or_inside(
    ringcentral: RingCentral, get: Get, inclusive: bool, expected: list[str]
):
    ringcentral.configure(date_to_inclusive=inclusive)
    ringcentral.add_calls([call("a", "13T00:00"), call("b", "14T00:00")])
    window = {"dateFrom": "2026-09-13T00:00:00Z", "dateTo": "2026-09-13T19:00:00-05:00"}
    assert ids(get(LOG, **window)) == expected


def test_pages_have_no_totals_and_end_without_a_next_page(ringcentral: RingCentral, get: Get, http: httpx.Client):
    ringcentral.add_calls([call(f"c{n}", f"15T10:{n:02}") for n in range(5)])
    first = get(LOG, perPage=2)
    assert first.json()["paging"] == {"page": 1, "perPage": 2, "pageStart": 0, "pageEnd": 1}
    assert "previousPage" not in first.json()["navigation"]
    second = http.get(first.json()["navigation"]["nextPage"]["uri"])
    assert ids(second) == ["c2", "c1"]
    last = get(LOG, perPage=2, page=3)
    assert ids(last) == ["c0"]
    assert "nextPage" not in last.json()["navigation"]
    assert ids(get(LOG, perPage=2, page=4)) == []
    assert len(ids(get(LOG, perPage="max"))) == 5
    assert "nextPage" not in get(LOG, perPage=5).json()["navigation"]


def test_the_log_filters(ringcentral: RingCentral, get: Get):
    recording = {"id": "1", "uri": "u", "type": "OnDemand", "contentUri": "u"}
    ringcentral.add_calls(
        [
            call("fax", "15T10:00", type="Fax", action="Outgoing Fax", result="Sent", sessionId="7"),
            call("in", "15T10:01", direction="Inbound", **{"from": {"phoneNumber": "+12145550123"}}),
            call("recorded", "15T10:02", duration=30, recording=recording, telephonySessionId="s-1"),
            call("short", "15T10:03", duration=29, recording=recording),
            call("inside", "15T10:04", to={"extensionNumber": "103", "extensionId": "9"}),
        ]
    )
    assert ids(get(LOG, type="Fax")) == ["fax"]
    assert ids(get(LOG, direction="Inbound")) == ["in"]
    assert ids(get(LOG, direction=["Inbound", "Outbound"], type=["Voice"]))[-1] == "in"
    assert ids(get(LOG, phoneNumber="12145550123")) == ["in"]
    assert ids(get(LOG, extensionNumber="103")) == ["inside"]
    assert ids(get(LOG, recordingType="All")) == ["recorded"]
    assert ids(get(LOG, recordingType="Automatic")) == []
    assert ids(get(LOG, withRecording="true")) == ["recorded"]
    assert ids(get(LOG, sessionId="7")) == ["fax"]
    assert ids(get(LOG, telephonySessionId="s-1")) == ["recorded"]
    assert ids(get("/restapi/v1.0/account/~/extension/9/call-log")) == ["inside"]


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"perPage": "1001"}, "perPage"),
        ({"perPage": "0"}, "perPage"),
        ({"page": "0"}, "page"),
        ({"dateFrom": "2026-09-01"}, "dateFrom"),
        ({"dateFrom": "2026-09-02T00:00:00Z", "dateTo": "2026-09-01T00:00:00Z"}, "dateFrom"),
        ({"direction": "Sideways"}, "direction"),
        ({"view": "Full"}, "view"),
        ({"phoneNumber": "+14055550100"}, "phoneNumber"),
        ({"phoneNumber": "14055550100", "extensionNumber": "101"}, "extensionNumber"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_400(get: Get, params: dict[str, str], parameter: str):
    answer = get(LOG, **params)
    assert code(answer) == (400, "CMN-101")
    assert answer.json()["errors"][0]["parameterName"] == parameter


def test_403_and_404(ringcentral: RingCentral, get: Get):
    assert code(get("/restapi/v1.0/account/1/call-log")) == (404, "CMN-102")
    assert code(get("/restapi/v1.0/account/~/extension/1/call-log")) == (404, "CMN-102")
    assert code(get(f"{LOG}/nothing")) == (404, "CMN-102")
    assert code(get("/restapi/v1.0/nowhere")) == (404, "CMN-120")
    assert code(get(LOG, sessionId="1", dateFrom=NOON)) == (400, "CLG-110")
    ringcentral.permit(user=["ReadCallLog"])
    assert code(get(LOG)) == (403, "CMN-408")
    assert get("/restapi/v1.0/account/~/extension/~/call-log").status_code == 200
    ringcentral.permit(app=["ReadMessages"])
    answer = get(LOG)
    assert code(answer) == (403, "CMN-401")
    assert answer.json()["errorCode"] == "InsufficientPermissions"


def test_a_call_appears_15_to_30_seconds_after_its_end_and_goes_after_12_months(ringcentral: RingCentral, get: Get):
    ringcentral.add_calls([call("now", "15T11:59", duration=60)])
    assert ids(get(LOG)) == []
    ringcentral.advance(14)
    assert ids(get(LOG)) == []
    ringcentral.advance(16)
    assert ids(get(LOG)) == ["now"]
    window = {"dateFrom": "2026-09-15T00:00:00Z", "dateTo": "2026-09-16T00:00:00Z"}
    ringcentral.set_clock("2027-09-15T11:58:00Z", ticking=False)
    assert ids(get(LOG, **window)) == ["now"]
    ringcentral.advance(120)
    assert ids(get(LOG, **window)) == []


def test_a_record_changes_later_and_a_recording_is_kept_90_days(ringcentral: RingCentral, get: Get):
    ringcentral.add_calls([call("a", "15T11:00", duration=40, result="Unknown")])
    before = get(f"{LOG}/a", view="Detailed").json()
    ringcentral.advance(60)
    recording = {"id": "1", "uri": "u", "type": "Automatic", "contentUri": "u"}
    ringcentral.change_call("a", result="Wrong Number", recording=recording)
    assert "lastModifiedTime" not in get(f"{LOG}/a").json()
    after = get(f"{LOG}/a", view="Detailed").json()
    assert (after["result"], after["recording"]["id"]) == ("Wrong Number", "1")
    assert after["lastModifiedTime"] > before["lastModifiedTime"]
    ringcentral.advance(90 * 86400)
    assert "recording" not in get(f"{LOG}/a").json()


def test_deleted_calls_show_when_asked_for_and_legs_in_detail(ringcentral: RingCentral, get: Get):
    leg = {"startTime": NOON, "type": "Voice", "direction": "Outbound", "action": "VoIP Call", "legType": "Accept"}
    ringcentral.add_calls([call("a", "15T11:00", legs=[leg])])
    assert "legs" not in get(LOG).json()["records"][0]
    assert get(LOG, view="Detailed").json()["records"][0]["legs"] == [leg]
    ringcentral.change_call("a", deleted=True)
    assert ids(get(LOG)) == []
    assert get(LOG, showDeleted="true").json()["records"][0]["deleted"] is True


def test_many_calls_of_every_kind_load_and_page(ringcentral: RingCentral, get: Get):
    made = generate.calls(2_000, "2026-09-01T00:00:00Z", "2026-09-15T00:00:00Z", seed=3)
    ringcentral.generate_calls(2_000, "2026-09-01T00:00:00Z", "2026-09-15T00:00:00Z", seed=3)
    window = {"dateFrom": "2026-09-01T00:00:00Z", "dateTo": "2026-09-15T00:00:00Z", "perPage": 1000}
    read = [record for page in (1, 2) for record in get(LOG, page=page, **window).json()["records"]]
    assert {r["id"] for r in read} == {r["id"] for r in made}
    assert [r["startTime"] for r in read] == sorted((r["startTime"] for r in made), reverse=True)
    ends = [end for r in made for end in (r["from"], r["to"])]
    assert any("phoneNumber" not in end and "extensionNumber" not in end for end in ends)  # anonymous
    assert any("phoneNumber" not in end and "extensionNumber" in end for end in ends)  # internal
    assert any(not end.get("phoneNumber", "+").startswith("+") for end in ends)  # not E.164
    assert any(r["result"] == generate.NEW_RESULT for r in made)
    assert ringcentral.usage()["list_calls"] == 2
    assert ringcentral.usage()["shape_errors"] == []


# --- Syncs ---


def test_isync_brings_what_is_new_or_changed(ringcentral: RingCentral, get: Get):
    ringcentral.add_calls([call("a", "15T11:00"), call("b", "15T11:01")])
    assert code(get(SYNC, syncType="FSync")) == (400, "CMN-101")  # recordCount is mandatory
    assert code(get(SYNC, syncType="FSync", recordCount=251)) == (400, "CMN-101")
    assert code(get(SYNC, syncType="FSync", recordCount=1, dateFrom="2026-08-01T00:00:00Z")) == (400, "CMN-101")
    first = get(SYNC, syncType="FSync", recordCount=250)
    assert ids(first) == ["b", "a"]
    ringcentral.advance(60)
    ringcentral.add_calls([call("c", "15T12:00")])
    ringcentral.change_call("a", result="Voicemail")
    second = get(SYNC, syncType="ISync", syncToken=first.json()["syncInfo"]["syncToken"])
    assert set(ids(second)) == {"a", "c"}
    third = get(SYNC, syncType="ISync", syncToken=second.json()["syncInfo"]["syncToken"])
    assert ids(third) == []


def test_sync_tokens_that_are_no_good(ringcentral: RingCentral, get: Get):
    token = get(SYNC, syncType="FSync", recordCount=1).json()["syncInfo"]["syncToken"]
    assert code(get(SYNC, syncType="ISync", syncToken="x")) == (400, "CLG-101")
    assert code(get(SYNC, syncType="ISync")) == (400, "CLG-101")
    ringcentral.advance(3600)
    ringcentral.add_calls([call(f"c{n}", "15T12:10") for n in range(251)])
    answer = get(SYNC, syncType="ISync", syncToken=token)
    assert answer.status_code == 400
    assert "limit is exceeded" in answer.json()["message"]
    ringcentral.reset_syncs()
    assert code(get(SYNC, syncType="ISync", syncToken=token)) == (400, "CLG-101")


def test_extract_goes_on_where_it_ended(ringcentral: RingCentral, get: Get):
    ringcentral.add_calls([call(f"c{n}", "15T11:30") for n in range(5)])
    first = get(EXTRACT, syncType="FSync", recordCount=3)
    assert first.json()["syncInfo"]["newerRecordsExist"] is True
    second = get(EXTRACT, syncType="ISync", recordCount=3, syncToken=first.json()["syncInfo"]["syncToken"])
    assert second.json()["syncInfo"]["newerRecordsExist"] is False
    assert sorted(ids(first) + ids(second)) == [f"c{n}" for n in range(5)]


# --- Texts ---


def text(said: str, *, direction: str = "Inbound", person: str = "+14052329700", **values: Any) -> dict[str, Any]:
    ours = {"phoneNumber": "+14052329000"}
    ends = {"from": {"phoneNumber": person}, "to": [ours]}
    if direction == "Outbound":
        ends = {"from": ours, "to": [{"phoneNumber": person}]}
    return {"subject": said, "direction": direction, "creationTime": "2026-09-15T11:00:00.000Z", **ends, **values}


def test_messages_are_listed_and_synced(ringcentral: RingCentral, get: Get):
    ringcentral.add_messages(
        [
            text("Hello", direction="Outbound"),
            text("Who is this?"),
            text("old", creationTime="2026-09-14T11:00:00.000Z"),
        ]
    )
    listed = get(STORE, messageType="SMS").json()["records"]
    assert [(m["subject"], m["messageStatus"]) for m in listed] == [
        ("Who is this?", "Received"),
        ("Hello", "Delivered"),
    ]
    assert len(get(STORE, dateFrom="2026-09-01T00:00:00Z", perPage=2).json()["records"]) == 2
    assert len(get(STORE, direction="Outbound").json()["records"]) == 1
    sync = get(MESSAGE_SYNC, syncType="FSync", recordCount=1).json()
    assert sync["syncInfo"]["olderRecordsExist"] is True
    ringcentral.advance(60)
    ringcentral.add_messages([text("more", creationTime="2026-09-15T12:00:30.000Z")])
    again = get(MESSAGE_SYNC, syncType="ISync", syncToken=sync["syncInfo"]["syncToken"]).json()
    assert [m["subject"] for m in again["records"]] == ["more"]
    assert code(get(MESSAGE_SYNC, syncType="ISync", syncToken="x")) == (400, "MSG-333")
    ringcentral.configure(messages_per_folder=1)
    assert len(get(STORE).json()["records"]) == 2  # the newest of each folder


def test_a_keyword_changes_the_consent_of_its_pair(ringcentral: RingCentral, get: Get, http: httpx.Client):
    ringcentral.add_messages([text("Stop", person="+14052329711"), text("please stop it", person="+14052329712")])
    record = get(CONSENTS, to="+14052329711").json()["records"][0]
    assert (record["from"], record["optStatus"], record["source"]) == ("+14052329000", "OptOut", "Recipient")
    assert get(CONSENTS, to="+14052329712").json()["records"] == []
    ringcentral.add_messages([text("START", person="+14052329711")])
    assert get(CONSENTS, to="+14052329711").json()["records"] == []
    assert get(CONSENTS, to="+14052329711", optStatus="OptIn").json()["records"][0]["source"] == "Recipient"
    history = get(f"{CONSENTS}/history", to="+14052329711").json()["records"]
    assert [r["optStatus"] for r in history] == ["OptIn", "OptOut"]
    older = get("/restapi/v1.0/account/~/a2p-sms/opt-outs", to="+14052329711", status="all").json()["records"]
    assert [(r["status"], r["source"]) for r in older] == [("OptIn", "Recipient")]


def test_consents_are_changed_paged_and_exported(get: Get, http: httpx.Client):
    records = [{"from": "*", "to": f"+1405232980{n}", "optStatus": "OptOut", "source": "Api"} for n in range(3)]
    wrong = {"from": "*", "to": "405", "optStatus": "OptOut", "source": "Api"}
    answer = http.patch(CONSENTS, json={"records": [*records, wrong]})
    failed = answer.json()["failedRecords"]
    assert [(f["to"], f["error"]["parameterName"]) for f in failed] == [("405", "to")]
    assert http.patch(CONSENTS, content=b"{").status_code == 400

    wanted = {"to": [r["to"] for r in records], "perPage": 2}
    first = get(CONSENTS, **wanted).json()
    second = get(CONSENTS, **wanted, pageToken=first["paging"]["nextPageToken"]).json()
    assert [len(first["records"]), len(second["records"])] == [2, 1]
    assert "nextPageToken" not in second["paging"]
    assert get(CONSENTS, **wanted, coverage="Account").json()["records"]
    assert get(CONSENTS, **wanted, coverage="PhoneNumber").json()["records"] == []
    export = get(f"{CONSENTS}/export")
    assert export.text.splitlines()[0] == "FROM,TO,STATUS,SOURCE"
    assert "*,+14052329800,OptOut,Api" in export.text.splitlines()


# --- Faults ---


def test_faults_of_one_request(ringcentral: RingCentral, get: Get):
    for name, status in (("500", 500), ("503", 503), ("403_html", 403), ("429_as_200", 200), ("304", 429)):
        ringcentral.fault(name, "call-log")
        answer = get(LOG)
        assert answer.status_code == status
    assert code(answer) == (429, "CMN-304")
    ringcentral.fault("torn", "call-log")
    with pytest.raises(httpx.HTTPError):
        get(LOG)
    ringcentral.fault({"name": "timeout", "seconds": 1}, "call-log")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{ringcentral.url}{LOG}", timeout=0.2)
    assert get(LOG).status_code == 200
    assert ringcentral.usage()["faults"]["torn"] == 1


def test_what_was_asked_for_may_have_been_done_before_it_fails(ringcentral: RingCentral, get: Get, http: httpx.Client):
    ringcentral.fault({"name": "503", "kind": "late"}, "consents")
    record = {"from": "*", "to": "+14052329899", "optStatus": "OptOut", "source": "Api"}
    assert http.patch(CONSENTS, json={"records": [record]}).status_code == 503
    assert len(get(CONSENTS, to="+14052329899").json()["records"]) == 1


def test_a_share_of_requests_fails_the_same_for_the_same_seed(ringcentral: RingCentral, get: Get):
    runs = []
    for _ in range(2):
        ringcentral.set_faults(0.3, seed=5, kinds=["500", "503"])
        runs.append([get(LOG).status_code for _ in range(30)])
    assert runs[0] == runs[1]
    assert 2 < sum(status != 200 for status in runs[0]) < 20
