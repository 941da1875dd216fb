"""A RingCentral that never refuses for rate unless a test wants it to, and settings that point at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from cm_core.settings import Settings
from cm_core.store import Database
from tests.servers.ringcentral import RingCentral, running_ringcentral

#: The clock of the server's data: a Tuesday noon of the recent past.
NOON = "2026-09-15T12:00:00.000Z"
MANY = 10_000


@pytest.fixture(scope="session")
def _api() -> Iterator[RingCentral]:
    with running_ringcentral() as api:
        yield api


@pytest.fixture
def api(_api: RingCentral) -> RingCentral:
    """The server as it is at first; its consents and messages are gone too."""
    _api.clear_faults()
    _api.clear_calls()
    _api.clear_messages()
    _api.clear_consents()
    _api.permit()
    _api.configure(
        light=MANY, medium=MANY, heavy=MANY, auth=MANY, window=60, penalty=60, retry_after=True, access_token_life=3599,
        refresh_token_grace=0, date_to_inclusive=False, show_deleted=True,
    )  # fmt: skip
    _api.set_clock(NOON, ticking=False)
    _api.reset_usage()
    return _api


@pytest.fixture
def ringcentral_settings(api: RingCentral, make_settings: Callable[..., Settings], database: Database) -> Any:
    """Call it for settings with the server's credentials; keyword arguments override fields."""

    def make(**fields: Any) -> Settings:
        values = {
            "ringcentral_url": api.url, "ringcentral_client_id": "client-id",
            "ringcentral_client_secret": SecretStr("client-secret"),
            "ringcentral_jwt": SecretStr("header.payload.signature"), "ringcentral_light": MANY,
            "ringcentral_medium": MANY, "ringcentral_heavy": MANY, "ringcentral_auth": MANY,
            "ringcentral_penalty_seconds": 0.1, "web_timeout_seconds": 5.0, "web_backoff_seconds": 0.0,
        }  # fmt: skip
        return make_settings(database=database, **{**values, **fields})

    return make


@pytest.fixture
def settings(ringcentral_settings: Callable[..., Settings]) -> Settings:
    return ringcentral_settings()


def call(call_id: str, start: str, **values: Any) -> dict[str, Any]:
    """A call to somebody on a day of September: `call("a", "15T10:00")`."""
    ends = {
        "from": {"phoneNumber": "+14052329000", "extensionNumber": "101", "name": "Dana Reed"},
        "to": {"phoneNumber": "+14052329700"},
    }
    return {"id": call_id, "startTime": f"2026-09-{start}:00.000Z", **ends, **values}
