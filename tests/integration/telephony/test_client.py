"""The client against the server: what it sends, and what it makes of every error that the documents name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise

import pytest
from pydantic import SecretStr

from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.telephony import RingCentralClient, ringcentral
from cm_core.telephony.session import session_of
from cm_core.web import ApiRefused, ApiUnavailable, Busy, NotThere
from tests.integration.telephony.conftest import call
from tests.servers.ringcentral import RingCentral

DAY = (datetime(2026, 9, 15), datetime(2026, 9, 16))
Make = Callable[..., Settings]


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[RingCentralClient]:
    with ringcentral(settings, database, purpose="test") as made:
        made.list_calls(*DAY)
        yield made


def test_both_ends_of_the_window_are_sent_and_pages_are_as_large_as_may_be(
    api: RingCentral, client: RingCentralClient
) -> None:
    api.add_calls([call("a", "15T10:00")])
    page = client.list_calls(*DAY)
    assert ([record["id"] for record in page.records], page.next_page) == (["a"], None)
    assert "lastModifiedTime" in page.records[0]
    assert api.requests()[-1]["query"] == {
        "dateFrom": ["2026-09-15T00:00:00.000Z"], "dateTo": ["2026-09-16T00:00:00.000Z"], "view": ["Detailed"],
        "showDeleted": ["true"], "perPage": ["1000"], "page": ["1"],
    }  # fmt: skip
    assert client.left is not None


# --- Login ---


def test_one_login_serves_the_process_and_an_expired_token_is_refreshed(
    settings: Settings, database: Database, api: RingCentral, client: RingCentralClient
) -> None:
    api.reset_usage()
    api.expire_tokens()
    client.list_calls(*DAY)
    with ringcentral(settings, database, purpose="another") as other:
        other.list_calls(*DAY)
    usage = api.usage()
    assert (usage["logins"], usage["refreshes"]) == (0, 1)
    api.expire_tokens(refresh=True)
    client.list_calls(*DAY)
    assert api.usage()["logins"] == 1


def test_a_session_that_five_others_pushed_out_is_followed_by_another(
    ringcentral_settings: Make, database: Database, api: RingCentral, client: RingCentralClient
) -> None:
    for number in range(5):  # sessions of other processes
        session = type(session_of(ringcentral_settings()))(ringcentral_settings())
        session.token(client.api.limiter, purpose=f"other {number}", max_wait_s=5)
    api.reset_usage()
    client.list_calls(*DAY)
    assert api.usage()["logins"] == 1


def test_a_session_can_be_ended(settings: Settings, database: Database, api: RingCentral) -> None:
    with ringcentral(settings, database, purpose="test") as client:
        client.list_calls(*DAY)
        session_of(settings).end(client.api.limiter, purpose="test")
        assert api.usage()["revocations"] == 1
        client.list_calls(*DAY)


def test_wrong_credentials_are_told_at_once_without_showing_them(
    ringcentral_settings: Make, database: Database, api: RingCentral
) -> None:
    for field in ("ringcentral_jwt", "ringcentral_client_secret"):
        settings = ringcentral_settings(**{field: SecretStr("not-the-one")})
        with ringcentral(settings, database, purpose="test") as client, pytest.raises(ApiRefused) as error:
            client.list_calls(*DAY)
        assert "CM_RINGCENTRAL_JWT" in str(error.value) or "_JWT" in str(error.value)
        assert "not-the-one" not in str(error.value)
        assert not error.value.retryable
    assert api.usage()["requests"] == {"auth": 2}


def test_missing_credentials_are_named(make_settings: Callable[..., Settings], database: Database) -> None:
    settings = make_settings(database=database)
    with pytest.raises(SettingsError, match=r"CM_RINGCENTRAL_CLIENT_ID.*CM_RINGCENTRAL_JWT"):
        with ringcentral(settings, database, purpose="test"):
            pass


# --- Rates ---


@pytest.mark.parametrize("fault", ["429", "429_as_200", "302", "303", "304"])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0.15"}])
def test_a_refusal_for_rate_pauses_its_group_and_the_request_is_sent_again(
    database: Database, api: RingCentral, client: RingCentralClient, fault: str, headers: dict[str, str]
) -> None:
    api.fault({"name": fault, "headers": headers}, "call-log", times=2)
    client.list_calls(*DAY)
    pauses = _pauses(database)
    assert set(pauses) == {"heavy"}
    times = [request["at"] for request in api.requests()[-3:]]
    least = 0.14 if headers else 0.09
    assert all(later - earlier > least for earlier, later in pairwise(times))


def test_the_global_limit_pauses_every_group(database: Database, api: RingCentral, client: RingCentralClient) -> None:
    api.fault({"name": "310", "headers": {"Retry-After": "0.3"}}, "call-log")
    client.list_calls(*DAY)
    assert set(_pauses(database)) == {"global"}
    api.fault({"name": "310", "headers": {"Retry-After": "3600"}}, "call-log")
    with ringcentral(client_settings(client), database, purpose="impatient", max_wait_s=1) as impatient:
        with pytest.raises(Busy):
            impatient.list_calls(*DAY)
        before = len(api.requests())
        with pytest.raises(Busy) as error:
            impatient.list_consents()
    assert len(api.requests()) == before
    assert 3500 < error.value.seconds <= 3600


def test_a_login_that_is_refused_for_rate_waits(
    ringcentral_settings: Make, database: Database, api: RingCentral
) -> None:
    settings = ringcentral_settings(ringcentral_url=f"{api.url}/")
    api.fault({"name": "429", "headers": {"Retry-After": "0.1"}}, "oauth/token")
    with ringcentral(settings, database, purpose="test") as client:
        client.list_calls(*DAY)
    assert set(_pauses(database)) == {"auth"}
    assert api.usage()["logins"] == 1


def test_no_limit_is_exceeded_by_the_servers_own_count(
    ringcentral_settings: Make, database: Database, api: RingCentral
) -> None:
    """Three senders at once over one limiter; a request more in any window would begin a penalty."""
    api.configure(heavy=4, window=0.5, penalty=0.5)
    settings = ringcentral_settings(ringcentral_heavy=4, ringcentral_window_seconds=0.5)

    def send() -> None:
        with ringcentral(settings, database, purpose="test") as client:
            for _ in range(4):
                client.list_calls(*DAY)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    usage = api.usage()
    assert usage["list_calls"] == 12
    assert (usage["exceeded"], usage["requests_in_penalty"]) == (0, 0)
    assert usage["busiest_window"]["heavy"] <= 4
    with ringcentral(settings, database, purpose="test") as client:
        assert client.usage().refused_for_rate == 0


# --- Failures ---


@pytest.mark.parametrize(
    "fault",
    [
        "500",
        "503",
        "torn",
        "502_html",
        {"name": "timeout", "seconds": 1.0},
        {"name": "503", "headers": {"Retry-After": "0.05"}},
    ],
)
def test_failures_of_the_network_and_the_server_are_tried_again(
    ringcentral_settings: Make, database: Database, api: RingCentral, fault: object
) -> None:
    settings = ringcentral_settings(web_timeout_seconds=0.5)
    api.add_calls([call("a", "15T10:00")])
    with ringcentral(settings, database, purpose="test") as client:
        api.fault(fault, "call-log", times=2)
        assert len(client.list_calls(*DAY).records) == 1


def test_a_server_that_keeps_failing_is_given_up_and_may_be_tried_later(
    api: RingCentral, client: RingCentralClient
) -> None:
    api.fault("500", "call-log", times=3)
    with pytest.raises(ApiUnavailable, match=r"GET /call-log: 500, CMN-203 Internal Server Error") as error:
        client.list_calls(*DAY)
    assert error.value.retryable
    api.fault({"status": 200, "body": "<html>maintenance</html>"}, "call-log", times=3)
    with pytest.raises(ApiUnavailable, match="not whole"):
        client.list_calls(*DAY)
    api.fault({"status": 200, "json": {"records": None}}, "call-log")
    with pytest.raises(ApiUnavailable, match="has not the form"):
        client.list_calls(*DAY)


def test_refusals_say_what_to_do_and_are_not_repeated(api: RingCentral, client: RingCentralClient) -> None:
    def refused(match: str, kind: type[ApiRefused] = ApiRefused) -> None:
        before = api.usage()["list_calls"]
        with pytest.raises(kind, match=match):
            client.list_calls(*DAY)
        assert api.usage()["list_calls"] <= before + 1

    api.fault({"status": 400, "code": "CMN-101", "message": "Parameter [dateFrom] value is invalid"}, "call-log")
    refused(r"400, CMN-101 Parameter \[dateFrom\] value is invalid")
    api.permit(app=["ReadMessages"])
    refused(r"403, CMN-401 .*\[ReadCallLog\] permission: the app or the user of the JWT lacks a permission")
    api.permit(user=["ReadMessages"])
    refused(r"403, CMN-408 .*\[FullCompanyCallLog\]")
    api.permit()
    api.fault("403_html", "call-log")
    refused(r"^ringcentral GET /call-log: 403, \.$")
    api.fault({"status": 404, "code": "CMN-102", "message": "Not found"}, "call-log")
    refused("404, CMN-102", NotThere)
    api.fault({"status": 401, "code": "OAU-151", "message": "Authorization method not supported"}, "call-log", times=2)
    refused("401, OAU-151")
    with pytest.raises(NotThere, match="CM_RINGCENTRAL_EXTENSIONS"):
        client.list_messages("1", *DAY)


# --- Sync ---


def test_a_sync_goes_on_from_its_token_and_begins_anew_when_it_is_no_longer_good(
    api: RingCentral, client: RingCentralClient
) -> None:
    api.add_calls([call("a", "15T10:00")])
    first = client.sync_calls()
    assert ([record["id"] for record in first.records], first.is_full) == (["a"], True)
    api.advance(3600)
    api.change_call("a", result="Voicemail")
    second = client.sync_calls(first.token)
    assert ([record["result"] for record in second.records], second.is_full) == (["Voicemail"], False)
    api.advance(3600)
    api.add_calls([call(f"b{number}", "15T13:30") for number in range(251)])
    third = client.sync_calls(second.token)
    assert (len(third.records), third.is_full) == (250, True)
    api.reset_syncs()
    assert client.sync_calls(third.token).is_full
    api.fault({"status": 400, "code": "CMN-101", "message": "Parameter [recordCount] is bad"}, "call-log-sync")
    with pytest.raises(ApiRefused, match="recordCount"):
        client.sync_calls(third.token)


def client_settings(client: RingCentralClient) -> Settings:
    return client._session._settings


def _pauses(database: Database) -> dict[str, str]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select limit_group, reason from api_pauses where api = 'ringcentral'")
        return dict(cursor.fetchall())
