"""The endpoint that takes Pipedrive's webhooks (v2): a small Starlette app that keeps events and answers at once.

An event is a hint, never the truth: there is no signature, only Basic auth, so that no value of it is used, but
for an opt-out of somebody who has really vanished and can be read no more. It is kept once (by its id), with who
changed which fields by which means; `events.handle_events` reads the person itself. What is lost here, the next pull
finds.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cm_core.crm.records import canonical
from cm_core.errors import CmError, SettingsError
from cm_core.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from cm_core.store.database import Database

#: Longer bodies are refused; an event of a person with all its fields has a few thousand bytes.
MAX_BYTES = 1 << 20
PATH = "/pipedrive"

_ENTITIES = frozenset({"person", "activity", "deal"})
_ACTIONS = frozenset({"create", "change", "delete"})
_META = (
    "action", "entity", "entity_id", "company_id", "correlation_id", "is_bulk_edit", "timestamp", "type", "user_id",
    "change_source", "attempt", "merged_to_id", "merged_from_id",
)  # fmt: skip
_KEEP = """
insert into crm_webhooks (event_id, entity, crm_id, action, meta, changed_fields)
values (%s, %s, %s, %s, %s, %s)
on duplicate key update event_id = event_id
"""


class _Refused(Exception):
    """What came is no event."""


def webhook_app(settings: Settings, database: Database) -> Starlette:
    """The app: POST of /pipedrive, or /pipedrive/<CM_PIPEDRIVE_WEBHOOK_PATH>; nothing else is there.

    200 kept, known or of no use to us; 400 no event; 401 wrong name or password; 413 too long; 503 the database is out
    of reach, so that Pipedrive sends it again. Raises SettingsError where name and password are not set.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    user, password = settings.pipedrive_webhook_user, settings.pipedrive_webhook_password
    if not user or password is None:
        raise SettingsError(
            "CM_PIPEDRIVE_WEBHOOK_USER and CM_PIPEDRIVE_WEBHOOK_PASSWORD are not set: without them anybody could send "
            "events. `cm crm setup` gives them to Pipedrive."
        )
    expected = f"{user}:{password.get_secret_value()}".encode()

    async def take(request: Request) -> Response:
        if not hmac.compare_digest(_given(request.headers.get("authorization", "")), expected):
            return PlainTextResponse("unauthorized", 401, {"www-authenticate": 'Basic realm="pipedrive"'})
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too long", 413)
        try:
            event = event_of(body)
        except _Refused as refused:
            return PlainTextResponse(str(refused), 400)
        if event is None:
            return PlainTextResponse("of no use here")
        try:
            await run_in_threadpool(_keep, database, event)
        except CmError:
            return PlainTextResponse("the database is out of reach", 503)
        return PlainTextResponse("kept")

    secret = settings.pipedrive_webhook_path
    path = PATH if secret is None else f"{PATH}/{secret.get_secret_value()}"
    return Starlette(routes=[Route(path, take, methods=["POST"])])


def event_of(body: bytes) -> tuple[Any, ...] | None:
    """The row of an event; None for one that is about nothing we keep. Raises _Refused where it is no event."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused("not JSON") from None
    meta = document.get("meta") if isinstance(document, dict) else None
    if not isinstance(meta, dict):
        raise _Refused("no meta")
    event_id, entity, action, number = (str(meta.get(name) or "") for name in ("id", "entity", "action", "entity_id"))
    if event_id and entity and entity not in _ENTITIES:  # of a lead, whose id is no number
        return None
    if not event_id or len(event_id) > 64 or not event_id.isascii() or not number.isdecimal() or len(number) > 18:
        raise _Refused("no id")
    if entity not in _ENTITIES or action not in _ACTIONS:
        return None
    kept = {name: meta[name] for name in _META if meta.get(name) is not None}
    data = document.get("data")
    if isinstance(data, dict) and data.get("update_time"):
        kept["update_time"] = data["update_time"]
    if entity == "person" and action == "delete" and isinstance(document.get("previous"), dict):
        kept["last"] = document["previous"]
    changed = changed_fields(document.get("previous")) if action == "change" else None
    return (
        event_id, entity, int(number), action, canonical(kept), canonical(changed) if changed is not None else None,
    )  # fmt: skip


def changed_fields(previous: Any) -> list[str]:
    """Names of the fields that an event's `previous` has (it has old values of what changed), custom ones by codes."""
    if not isinstance(previous, Mapping):
        return []
    custom = previous.get("custom_fields")
    names = {str(name) for name in previous if name not in ("custom_fields", "update_time")}
    return sorted(names | ({str(code) for code in custom} if isinstance(custom, Mapping) else set()))


def serve(settings: Settings, database: Database, *, port: int) -> None:
    """Serve the app on this machine's loopback until it is told to end; a proxy with TLS stands before it."""
    import uvicorn

    uvicorn.run(webhook_app(settings, database), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _keep(database: Database, event: tuple[Any, ...]) -> None:
    with closing(database.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(_KEEP, event)


def _given(header: str) -> bytes:
    """What Basic auth gives, `user:password`; nothing where it is none."""
    kind, _, text = header.partition(" ")
    try:
        return base64.b64decode(text.strip(), validate=True) if kind.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""


async def _body(request: Request) -> bytes | None:
    """The whole body, or None where it is too long; no more than that is read."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        return None
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MAX_BYTES:
            return None
    return bytes(found)
