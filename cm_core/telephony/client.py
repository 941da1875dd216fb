"""RingCentral's API as calls in Python: the company's call log, texts, consents to texts. Records come as sent.

Each call has its limit group: the call log is Heavy (ten requests a minute), the rest Light. Errors of every call:
those of `cm_core.web.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from cm_core.settings import Settings
from cm_core.telephony.dialect import API, HEAVY, LIGHT, RingCentralDialect, limits
from cm_core.telephony.session import Session, session_of
from cm_core.web import ApiClient, ApiRefused, ApiUnavailable, Call, Limiter, Usage

if TYPE_CHECKING:
    from cm_core.store.database import Database

#: Records of a page: the most that the API gives.
PAGE = 1_000
#: Records of a sync: the most that the API gives.
SYNC = 250

_CALL_LOG = Call("GET /call-log", HEAVY)
_CALL_LOG_SYNC = Call("GET /call-log-sync", HEAVY)
_MESSAGES = Call("GET /message-store", LIGHT)
_CONSENTS = Call("GET /sms/consents", LIGHT)


@dataclass(frozen=True)
class Page:
    """A page of a list: records as sent, and how the next one is asked for (None: this is the last)."""

    records: list[dict[str, Any]]
    next_page: str | None


@dataclass(frozen=True)
class Sync:
    """What changed since a token; `is_full`: the token was not taken, and these are the newest calls there are."""

    records: list[dict[str, Any]]
    token: str
    is_full: bool


class RingCentralClient:
    """Calls on behalf of a purpose (a pull). Not to be shared by threads."""

    def __init__(self, settings: Settings, limiter: Limiter, session: Session, *, purpose: str, max_wait_s: float):
        self._session = session
        self._max_wait = max_wait_s
        self._token = SecretStr("")
        self._dialect = RingCentralDialect(settings, self._authorization, self._renew)
        url = settings.ringcentral_url.rstrip("/")
        self.api = ApiClient(settings, url, limiter, self._dialect, purpose=purpose, max_wait_s=max_wait_s)

    def close(self) -> None:
        """Close its connections; the session goes on."""
        self.api.close()

    def usage(self) -> Usage:
        """What the purpose has used so far."""
        return self.api.limiter.usage(self.api.purpose)

    @property
    def left(self) -> int | None:
        """Requests that the group of the last answer has left in its window, as RingCentral says; None: no answer."""
        return self._dialect.left

    def list_calls(self, since: datetime, until: datetime, page: str | None = None) -> Page:
        """A page of the company's calls that began in the half-open window (naive UTC), the newest first.

        Both ends are always sent: without, the API gives the last 24 hours. In detail, since only then it says when a
        record was last modified; with deleted ones, so that no page loses a record to a deletion between two requests.
        """
        params = {
            "dateFrom": moment_text(since), "dateTo": moment_text(until), "view": "Detailed", "showDeleted": "true",
            "perPage": PAGE,
        }  # fmt: skip
        return self._list(_CALL_LOG, "/restapi/v1.0/account/~/call-log", params, page)

    def list_messages(self, extension: str, since: datetime, until: datetime, page: str | None = None) -> Page:
        """A page of an extension's texts that were made in the half-open window (naive UTC), the newest first."""
        params = {
            "dateFrom": moment_text(since), "dateTo": moment_text(until), "messageType": "SMS",
            "availability": ["Alive", "Deleted", "Purged"], "perPage": PAGE,
        }  # fmt: skip
        return self._list(_MESSAGES, f"/restapi/v1.0/account/~/extension/{extension}/message-store", params, page)

    def list_consents(self, page: str | None = None) -> Page:
        """A page of who opted out of texts: a record for each pair of our number (or `*`) and theirs."""
        params: dict[str, Any] = {"optStatus": "OptOut", "perPage": PAGE}
        if page is not None:
            params["pageToken"] = page
        document = self._get(_CONSENTS, "/restapi/v2/accounts/~/sms/consents", params)
        following = (document.get("paging") or {}).get("nextPageToken")
        return Page(_records(_CONSENTS, document), str(following) if following else None)

    def sync_calls(self, token: str | None = None) -> Sync:
        """What changed in the call log since `token` was given; without one, or with one that is no longer good (too
        old, or more than 250 changes since), the newest 250 calls. Not for short intervals: Heavy.
        """
        path = "/restapi/v1.0/account/~/call-log-sync"
        if token is not None:
            params = {"syncType": "ISync", "syncToken": token, "view": "Detailed", "showDeleted": "true"}
            try:
                return _sync(self._get(_CALL_LOG_SYNC, path, params), is_full=False)
            except ApiRefused as error:
                # The code of this error differs by version; what it is about is said by the parameter's name.
                if error.status is None or "syncToken" not in str(error):
                    raise
        params = {"syncType": "FSync", "recordCount": str(SYNC), "view": "Detailed"}
        return _sync(self._get(_CALL_LOG_SYNC, path, params), is_full=True)

    def _list(self, call: Call, path: str, params: Mapping[str, Any], page: str | None) -> Page:
        number = int(page or 1)
        document = self._get(call, path, {**params, "page": number})
        # There are no totals; the last page is the one that names no next one.
        has_next = bool((document.get("navigation") or {}).get("nextPage"))
        return Page(_records(call, document), str(number + 1) if has_next else None)

    def _get(self, call: Call, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        # Before the request is reserved: a login may have to wait for its own limit.
        self._log_in()
        document = self.api.request(call, "GET", path, params=params).json
        if not isinstance(document, dict):
            raise _not_whole(call)
        return document

    def _log_in(self) -> None:
        limiter = self.api.limiter
        self._token = self._session.token(limiter, purpose=self.api.purpose, max_wait_s=self._max_wait)

    def _authorization(self) -> str:
        return f"Bearer {self._token.get_secret_value()}"

    def _renew(self) -> bool:
        self._session.refused(self._token)
        self._log_in()
        return True


@contextmanager
def ringcentral(
    settings: Settings, database: Database, *, purpose: str, max_wait_s: float = 3_700.0
) -> Iterator[RingCentralClient]:
    """A client for `purpose` (at most 80 characters), closed at the end. Raises SettingsError without credentials.

    `max_wait_s`: pauses longer than that are Busy at once.
    """
    session = session_of(settings)
    limiter = Limiter(database, API, limits(settings), timeout_s=settings.web_timeout_seconds)
    client = RingCentralClient(settings, limiter, session, purpose=purpose, max_wait_s=max_wait_s)
    try:
        yield client
    finally:
        client.close()


def log_out(settings: Settings, database: Database) -> None:
    """End the process's session, if it has one: RingCentral keeps about five of a user."""
    limiter = Limiter(database, API, limits(settings), timeout_s=settings.web_timeout_seconds)
    try:
        session_of(settings).end(limiter, purpose="logout")
    finally:
        limiter.close()


def moment_text(moment: datetime) -> str:
    """A naive UTC time as the API takes it: ISO 8601 with zone and milliseconds."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def _sync(document: Mapping[str, Any], *, is_full: bool) -> Sync:
    token = (document.get("syncInfo") or {}).get("syncToken")
    if not token:
        raise _not_whole(_CALL_LOG_SYNC)
    return Sync(_records(_CALL_LOG_SYNC, document), str(token), is_full)


def _records(call: Call, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = document.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _not_whole(call)
    return records


def _not_whole(call: Call) -> ApiUnavailable:
    return ApiUnavailable(f"{API} {call.name}: the answer has not the form it should have.")
