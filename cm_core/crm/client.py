"""Pipedrive's API as calls in Python: persons, activities, deals, fields and webhooks. Records come as they are sent;
what they mean is for `records`.

v2 wherever it has the call; merge, changelog, webhooks and users are v1's. Each call has its price in tokens of the
day's budget (pipedrive.readme.io, "core-api-concepts-rate-limiting") and its limit group.

Errors of every call: those of `cm_core.web.errors`. `create_person`, `update_person`, `create_field`, `add_options`,
`create_webhook` and `merge_persons` are never sent twice: where no answer came they raise Unanswered, and what became
of them has to be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm.dialect import BURST, GENERAL, SEARCH, PipedriveDialect
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.web import Answer, ApiClient, ApiRefused, ApiUnavailable, Call, Limit, Limiter, NotThere, Unanswered, Usage

if TYPE_CHECKING:
    from cm_core.store.database import Database

API = "pipedrive"
#: Records of a list page, and ids of one `ids=`: the most that the API takes.
PAGE = 500
IDS_AT_ONCE = 100
#: Searches in a burst window on all plans.
SEARCH_BURST = 10
#: Asked for with every person: without, the API leaves it out.
PERSON_EXTRAS = ("marketing_status",)

_PERSONS = Call("GET /persons", GENERAL, 10)
_PERSON = Call("GET /persons/{id}", GENERAL, 1)
_CREATE_PERSON = Call("POST /persons", GENERAL, 5, repeatable=False)
#: Sent again later, it would write over what somebody edited meanwhile.
_UPDATE_PERSON = Call("PATCH /persons/{id}", GENERAL, 5, repeatable=False)
_DELETE_PERSON = Call("DELETE /persons/{id}", GENERAL, 3)
_SEARCH = Call("GET /persons/search", SEARCH, 20)
_MERGE = Call("PUT /persons/{id}/merge", GENERAL, 40, repeatable=False)
_CHANGELOG = Call("GET /persons/{id}/changelog", GENERAL, 20)
_ACTIVITIES = Call("GET /activities", GENERAL, 10)
_DEALS = Call("GET /deals", GENERAL, 10)
_ARCHIVED_DEALS = Call("GET /deals/archived", GENERAL, 10)
_FIELDS = Call("GET /personFields", GENERAL, 10)
_CREATE_FIELD = Call("POST /personFields", GENERAL, 5, repeatable=False)
_ADD_OPTIONS = Call("POST /personFields/{code}/options", GENERAL, 5, repeatable=False)
_WEBHOOKS = Call("GET /webhooks", GENERAL, 10)
_CREATE_WEBHOOK = Call("POST /webhooks", GENERAL, 10, repeatable=False)
_DELETE_WEBHOOK = Call("DELETE /webhooks/{id}", GENERAL, 6)
_ME = Call("GET /users/me", GENERAL, 2)

#: Calls of a push that change people, by name.
WRITES = (_CREATE_PERSON.name, _UPDATE_PERSON.name, _MERGE.name)
#: Tokens that calls cost, for plans.
TOKENS = {
    "create": _CREATE_PERSON.tokens, "update": _UPDATE_PERSON.tokens, "merge": _MERGE.tokens, "get": _PERSON.tokens,
    "list": _PERSONS.tokens, "search": _SEARCH.tokens,
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A page of a list: records as sent, and where the next page begins (None: this is the last).

    `server_time` is what the server's clock said (naive UTC); None where it said nothing.
    """

    items: list[dict[str, Any]]
    next_cursor: str | None
    server_time: datetime | None = None


class PipedriveClient:
    """Calls on behalf of a purpose (a pull, a plan). Not to be shared by threads."""

    def __init__(self, api: ApiClient) -> None:
        self.api = api

    def close(self) -> None:
        """Close its connections."""
        self.api.close()

    def usage(self) -> Usage:
        """What the purpose has used so far, and what is left of today's tokens."""
        return self.api.limiter.usage(self.api.purpose)

    # Persons

    def list_persons(
        self,
        *,
        updated_since: datetime | None = None,
        updated_until: datetime | None = None,
        ids: Sequence[int] | None = None,
        sort_by: str = "id",
        descending: bool = False,
        extras: Sequence[str] = PERSON_EXTRAS,
        cursor: str | None = None,
        limit: int = PAGE,
        from_reserve: bool = False,
    ) -> Page:
        """A page of persons: updated within the half-open window (naive UTC, whole seconds), or those of `ids`.

        `extras` are optional fields to be sent too (`open_deals_count` ...). At most 100 ids. 10 tokens.
        `from_reserve`: the tokens held back for do-not-contact facts may pay.
        """
        params = {"ids": _joined(ids), "include_fields": ",".join(extras) or None}
        if descending:
            params["sort_direction"] = "desc"
        return self._list(
            _PERSONS, "/api/v2/persons", updated_since, updated_until, sort_by, cursor, limit, params, from_reserve
        )

    def persons_of(
        self, ids: Sequence[int], *, extras: Sequence[str] = PERSON_EXTRAS, from_reserve: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Those of `ids` that are there, 100 at a time; the others are left out. 10 tokens for each hundred."""
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = ids[start : start + IDS_AT_ONCE]
            yield from self.list_persons(ids=some, extras=extras, from_reserve=from_reserve).items

    def get_person(
        self, person_id: int, *, extras: Sequence[str] = PERSON_EXTRAS, from_reserve: bool = False
    ) -> dict[str, Any]:
        """The person. Raises NotThere; one that was deleted lately may still be sent, with `is_deleted`. 1 token."""
        params = {"include_fields": ",".join(extras) or None}
        path = f"/api/v2/persons/{person_id}"
        return self._record(_PERSON, "GET", path, params=params, from_reserve=from_reserve)

    def create_person(
        self, fields: Mapping[str, Any], *, from_reserve: bool = False, max_wait_s: float | None = None
    ) -> dict[str, Any]:
        """A new person with these fields (`name` at least), as it is now there. Unanswered: look it up. 5 tokens."""
        return self._record(
            _CREATE_PERSON, "POST", "/api/v2/persons", json=fields, from_reserve=from_reserve, max_wait_s=max_wait_s
        )

    def update_person(
        self, person_id: int, fields: Mapping[str, Any], *, from_reserve: bool = False, max_wait_s: float | None = None
    ) -> dict[str, Any]:
        """The person after these fields were set; lists (emails, phones, label_ids) are replaced whole. 5 tokens.

        `from_reserve`: the tokens held back for do-not-contact facts may pay. `max_wait_s`: Busy is raised rather than
        that it goes out later, of every write: it was made from what was there a moment ago.
        """
        path = f"/api/v2/persons/{person_id}"
        return self._record(
            _UPDATE_PERSON, "PATCH", path, json=fields, from_reserve=from_reserve, max_wait_s=max_wait_s
        )

    def delete_person(self, person_id: int) -> None:
        """Mark the person as deleted, if it is not; Pipedrive removes it after 30 days. 3 tokens."""
        with suppress(NotThere):
            self.api.request(_DELETE_PERSON, "DELETE", f"/api/v2/persons/{person_id}")

    def merge_persons(self, person_id: int, survivor_id: int, *, max_wait_s: float | None = None) -> dict[str, Any]:
        """Merge `person_id`, which disappears, into `survivor_id`, whose values win. The reply is v1's. 40 tokens."""
        body = {"merge_with_id": survivor_id}
        return self._record(_MERGE, "PUT", f"/v1/persons/{person_id}/merge", json=body, max_wait_s=max_wait_s)

    def search_persons(
        self, term: str, *, fields: Sequence[str] = (), exact: bool = False, cursor: str | None = None, limit: int = 100
    ) -> Page:
        """Persons found by `term` in `fields` (email, phone, name, custom_fields, notes): their `item`s. 20 tokens.

        What was written a moment ago may not be found yet. Phones and e-mails of items are plain strings.
        """
        params = {
            "term": term, "fields": ",".join(fields) or None, "exact_match": _flag(exact) if exact else None,
            "cursor": cursor, "limit": limit,
        }  # fmt: skip
        answer = self.api.request(_SEARCH, "GET", "/api/v2/persons/search", params=_present(params))
        data = _data(_SEARCH, answer)
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise _not_whole(_SEARCH, answer)
        return Page([item["item"] for item in items], _next_cursor(answer), answer.server_time)

    def changelog(self, person_id: int, *, cursor: str | None = None, limit: int = PAGE) -> Page:
        """Changes of a person, field by field, the newest first: field_key, old_value, new_value, actor_user_id, time,
        change_source (app, api ...). 20 tokens.
        """
        params = {"cursor": cursor, "limit": limit}
        return self._page(_CHANGELOG, f"/v1/persons/{person_id}/changelog", params)

    # What hangs on persons

    def list_activities(
        self,
        *,
        updated_since: datetime | None = None,
        updated_until: datetime | None = None,
        ids: Sequence[int] | None = None,
        person_id: int | None = None,
        sort_by: str = "id",
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """A page of activities. 10 tokens."""
        params = {"ids": _joined(ids), "person_id": person_id}
        return self._list(
            _ACTIVITIES, "/api/v2/activities", updated_since, updated_until, sort_by, cursor, limit, params
        )

    def list_deals(
        self,
        *,
        updated_since: datetime | None = None,
        updated_until: datetime | None = None,
        ids: Sequence[int] | None = None,
        person_id: int | None = None,
        status: str | None = None,
        archived: bool = False,
        sort_by: str = "id",
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """A page of deals, or of those that were archived, which are in no other list. 10 tokens."""
        params = {"ids": _joined(ids), "person_id": person_id, "status": status}
        call, path = (_ARCHIVED_DEALS, "/api/v2/deals/archived") if archived else (_DEALS, "/api/v2/deals")
        return self._list(call, path, updated_since, updated_until, sort_by, cursor, limit, params)

    # Fields, webhooks, who we are

    def person_fields(self) -> list[dict[str, Any]]:
        """All fields of persons, the account's own with their `field_code` and options. 10 tokens a page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._page(_FIELDS, "/api/v2/personFields", {"cursor": cursor, "limit": PAGE})
            found += page.items
            if (cursor := page.next_cursor) is None:
                return found

    def add_options(self, field_code: str, labels: Sequence[str]) -> None:
        """More options of an enum or a set. 5 tokens."""
        body = [{"label": label} for label in labels]
        self.api.request(_ADD_OPTIONS, "POST", f"/api/v2/personFields/{field_code}/options", json=body)

    def create_field(self, name: str, kind: str, *, options: Sequence[str] | None = None) -> dict[str, Any]:
        """A new field of persons; `options` are the labels of an enum or a set. 5 tokens."""
        body: dict[str, Any] = {"field_name": name, "field_type": kind}
        if options is not None:
            body["options"] = [{"label": label} for label in options]
        return self._record(_CREATE_FIELD, "POST", "/api/v2/personFields", json=body)

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks that there are. 10 tokens."""
        return self._page(_WEBHOOKS, "/v1/webhooks", {}).items

    def create_webhook(
        self, url: str, *, name: str, entity: str, action: str, user: str, password: str
    ) -> dict[str, Any]:
        """A new webhook (v2): `action` create, change, delete or *, `entity` person, activity, deal ... 10 tokens."""
        body = {
            "subscription_url": url, "event_action": action, "event_object": entity, "name": name, "version": "2.0",
            "http_auth_user": user, "http_auth_password": password,
        }  # fmt: skip
        return self._record(_CREATE_WEBHOOK, "POST", "/v1/webhooks", json=body)

    def delete_webhook(self, webhook_id: int) -> None:
        """Take the webhook away, if it is there. 6 tokens."""
        with suppress(NotThere):
            self.api.request(_DELETE_WEBHOOK, "DELETE", f"/v1/webhooks/{webhook_id}")

    def me(self) -> dict[str, Any]:
        """The user of the token: id, name, company_id ... 2 tokens."""
        return self._record(_ME, "GET", "/v1/users/me")

    def _list(
        self,
        call: Call,
        path: str,
        since: datetime | None,
        until: datetime | None,
        sort_by: str,
        cursor: str | None,
        limit: int,
        more: Mapping[str, Any],
        from_reserve: bool = False,
    ) -> Page:
        params = {
            "updated_since": _moment(since), "updated_until": _moment(until), "sort_by": sort_by,
            "sort_direction": "asc", "cursor": cursor, "limit": limit, **more,
        }  # fmt: skip
        return self._page(call, path, params, from_reserve)

    def _page(self, call: Call, path: str, params: Mapping[str, Any], from_reserve: bool = False) -> Page:
        answer = self.api.request(call, "GET", path, params=_present(params), from_reserve=from_reserve)
        # An empty list of v1 is null.
        items = _data(call, answer)
        if not isinstance(items, list | None):
            raise _not_whole(call, answer)
        return Page(items or [], _next_cursor(answer), answer.server_time)

    def _record(self, call: Call, method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = self.api.request(call, method, path, **what)
        data = _data(call, answer)
        if not isinstance(data, dict):
            raise _not_whole(call, answer)
        return data


@contextmanager
def pipedrive(
    settings: Settings, database: Database, *, purpose: str, max_wait_s: float = 3_700.0
) -> Iterator[PipedriveClient]:
    """A client for `purpose` (at most 80 characters), closed at the end. Raises SettingsError where no token is set.

    `max_wait_s`: pauses longer than that are Busy at once.
    """
    client = PipedriveClient(_api(settings, database, purpose, max_wait_s))
    try:
        yield client
    finally:
        client.close()


def limits(settings: Settings) -> tuple[Limit, ...]:
    """The limits of the token: requests of all kinds, and searches among them."""
    window = settings.pipedrive_burst_seconds
    return (
        Limit(BURST, settings.pipedrive_burst, window, (GENERAL, SEARCH)),
        Limit(SEARCH, min(SEARCH_BURST, settings.pipedrive_burst), window, (SEARCH,)),
    )


def _api(settings: Settings, database: Database, purpose: str, max_wait_s: float) -> ApiClient:
    if settings.pipedrive_token is None:
        raise SettingsError(
            "CM_PIPEDRIVE_TOKEN is not set. It is under Personal preferences, API, of the Pipedrive user who syncs."
        )
    url = settings.pipedrive_url.rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise SettingsError("CM_PIPEDRIVE_URL must begin with https:// (https://api.pipedrive.com is the default).")
    limiter = Limiter(
        database, API, limits(settings), timeout_s=settings.web_timeout_seconds,
        daily_tokens=settings.pipedrive_daily_tokens, reserve_tokens=settings.pipedrive_reserve_tokens,
    )  # fmt: skip
    dialect = PipedriveDialect(
        settings.pipedrive_token, burst_seconds=settings.pipedrive_burst_seconds,
        blocked_seconds=settings.pipedrive_blocked_seconds,
    )  # fmt: skip
    return ApiClient(settings, url, limiter, dialect, purpose=purpose, max_wait_s=max_wait_s)


def _data(call: Call, answer: Answer) -> Any:
    """`data` of the envelope. Raises ApiRefused where a 2xx says success false."""
    document = answer.json
    if not isinstance(document, dict):
        raise _not_whole(call, answer)
    if document.get("success") is False:
        reason = str(document.get("error") or "no reason given")
        raise ApiRefused(f"{API} {call.name}: {answer.status}, {reason[:300]}.", status=answer.status)
    return document.get("data")


def _not_whole(call: Call, answer: Answer) -> ApiUnavailable:
    kind = ApiUnavailable if call.repeatable else Unanswered
    return kind(f"{API} {call.name}: the answer has not the form it should have.", status=answer.status)


def _next_cursor(answer: Answer) -> str | None:
    found = (answer.json.get("additional_data") or {}).get("next_cursor")
    return str(found) if found else None


def _present(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _joined(ids: Sequence[int] | None) -> str | None:
    return None if ids is None else ",".join(map(str, ids))


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _moment(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC; fractions of a second are cut off there anyway."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
