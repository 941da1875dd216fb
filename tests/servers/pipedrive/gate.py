"""What every request of the API passes before and after its endpoint: token, limits, account, scope, faults, headers.

It is plain ASGI around the application, since faults have to reach the connection itself: a reply torn in the middle, a
connection closed after the work is done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import MutableMapping
from email.utils import format_datetime
from typing import Any

from fastapi.responses import Response

from tests.servers.pipedrive.errors import of_status, simple, unauthorized
from tests.servers.pipedrive.faults import Once
from tests.servers.pipedrive.world import World

Scope = MutableMapping[str, Any]
_NO_ACCOUNT = "Payment required: the company's account is not open (e.g. trial expired)"


class Gate:
    """The application as the world outside sees it; `app.state.world` is what it guards."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        path: str = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_control"):
            await self._app(scope, receive, send)
            return
        world: World = self._app.state.world
        usage, method = world.limits.usage, scope["method"]
        usage.requests += 1
        entry = {"method": method, "path": path, "query": scope["query_string"].decode(), "user_id": None}
        entry |= {"fault": None, "status": None}
        world.limits.log.append(entry)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        extra = {"date": format_datetime(world.clock.moment(), usegmt=True)}
        refusal: Response | None = None
        if path.startswith(("/api/", "/v1/")):
            caller = world.accounts.identify(headers)
            if caller is None:
                usage.unauthorized += 1
                refusal = unauthorized()
            else:
                scope["caller"] = caller
                entry["user_id"] = caller.user_id
                refusal = world.limits.refuse(caller.token, method, path) or _barred(world, scope, headers)
                extra |= world.limits.headers(caller.token, by_api_token=caller.scopes is None)
        replier = _Replier(send, extra, usage.replies_by_status, entry)
        if refusal is not None:
            await refusal(scope, receive, replier.send)
            return
        fault = world.faults.draw(method, path)
        entry["fault"] = fault and fault.kind
        await self._answer(world, scope, receive, replier, fault)

    async def _answer(self, world: World, scope: Scope, receive: Any, replier: _Replier, fault: Once | None) -> None:
        kind = fault.kind if fault else ""
        if fault and kind in ("status", "500", "503"):
            await _reply_of(fault)(scope, receive, replier.send)
        elif kind == "timeout":
            await asyncio.sleep(world.faults.settings.hang_seconds)
            await replier.cut()
        elif kind == "reset":
            await replier.cut()
        elif kind in ("drop_after_apply", "torn"):
            await self._app(scope, receive, replier.keep)
            await replier.cut(half=kind == "torn")
        else:
            if kind == "slow":
                await self._app(scope, receive, replier.keep)
                await asyncio.sleep(world.faults.settings.slow_seconds)
                await replier.release()
                return
            await self._app(scope, receive, replier.send)


class _Replier:
    """Sends a reply with the common headers, or keeps it until it is known what becomes of it."""

    def __init__(self, send: Any, headers: dict[str, str], statuses: Counter[str], entry: dict[str, Any]) -> None:
        self._send, self._statuses, self._entry = send, statuses, entry
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._kept: list[Scope] = []

    async def send(self, message: Scope) -> None:
        if message["type"] == "http.response.start":
            self._statuses[str(message["status"])] += 1
            self._entry["status"] = message["status"]
            # What the reply itself says comes first.
            said = {name for name, _ in message["headers"]}
            own = [header for header in self._headers if header[0] not in said]
            message = {**message, "headers": [*message["headers"], *own]}
        await self._send(message)

    async def keep(self, message: Scope) -> None:
        self._kept.append(message)

    async def release(self) -> None:
        for message in self._kept:
            await self.send(message)

    async def cut(self, *, half: bool = False) -> None:
        """Close the connection: without a word, or after the head and half of the body."""
        transport = self._send.__self__.transport  # of uvicorn's request; ASGI has no word for hanging up
        if half and self._kept:
            await self.send(self._kept[0])
            body = b"".join(message.get("body", b"") for message in self._kept[1:])
            await self._send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            transport.close()
        else:
            transport.abort()
        while not self._send.__self__.disconnected:
            await asyncio.sleep(0.001)


def _barred(world: World, scope: Scope, headers: dict[str, str]) -> Response | None:
    """What stands against a request that the limits let pass."""
    method, path = scope["method"], scope["path"]
    if world.account_state != "open":
        return simple(402, _NO_ACCOUNT)
    if not scope["caller"].may(method, path):
        return simple(403, "Scope and URL mismatch")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0]
    if method in ("POST", "PUT", "PATCH") and has_body and kind != "application/json":
        return simple(415, "Unsupported Media Type: application/json is expected")
    return None


def _reply_of(fault: Once) -> Response:
    if fault.kind in ("500", "503"):
        return of_status(int(fault.kind))
    reply = of_status(fault.status) if fault.body is None else Response(fault.body, fault.status)
    reply.headers.update(fault.headers)
    return reply
