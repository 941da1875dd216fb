"""What tests tell the server, and what it tells them: `/_control/...`. No login, no limit, no faults; loopback only.

| | |
|---|---|
| GET `/usage`, POST `/usage/reset` | the server's own count: requests, exceeded, requests_in_penalty, list_calls ... |
| GET `/requests` | the last 10,000 requests of the API: at, method, path, query, status |
| GET, POST `/clock` | `{"now": ISO, "ticking": true}`, `{"advance": seconds}`, or `{"now": null}` for real time |
| POST `/config` | settings by name (`config.py`) |
| POST `/permissions` | `{"app": [...], "user": [...]}` |
| POST `/faults` | `{"rate": 0.05, "seed": 1, "kinds": [...]}` |
| POST `/faults/next` | `{"fault": "503", "path": "call-log", "times": 1, "skip": 0}` |
| DELETE `/faults` | no more of them |
| POST `/tokens/expire` | access tokens are expired; `{"refresh": true}`: the refresh tokens too |
| POST `/syncs/reset` | sync tokens are good no more |
| GET, POST, DELETE `/calls`, PATCH `/calls/{id}` | all; add `{"records": [...]}`; forget all; change one now |
| POST `/calls/generate` | `generate.calls` with these arguments, made here |
| GET, POST, DELETE `/messages`, PATCH `/messages/{id}` | the same of messages |
| GET, POST, DELETE `/consents` | the same of consents |
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Response

from tests.servers.ringcentral import generate
from tests.servers.ringcentral.moments import to_milliseconds, to_text
from tests.servers.ringcentral.world import APP_PERMISSIONS, USER_PERMISSIONS, World

Body = dict[str, Any]


def control_routes(world: World) -> APIRouter:
    """The control over a world."""
    router = APIRouter(prefix="/_control")
    router.include_router(_data_routes(world))

    @router.get("/usage")
    async def usage() -> Body:
        return world.usage()

    @router.post("/usage/reset")
    async def reset_usage() -> Body:
        world.reset_usage()
        return world.usage()

    @router.get("/requests")
    async def requests() -> Body:
        return {"requests": list(world.requests)}

    @router.get("/clock")
    async def clock() -> Body:
        return {"now": to_text(world.clock.now())}

    @router.post("/clock")
    async def set_clock(body: Body) -> Body:
        if "advance" in body:
            world.clock.advance(float(body["advance"]))
        else:
            now = to_milliseconds(body["now"]) if body["now"] else None
            world.clock.set(now, ticking=body.get("ticking", True))
        return {"now": to_text(world.clock.now())}

    @router.post("/config")
    async def configure(body: Body) -> Response:
        try:
            world.config.change(body)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return Response(status_code=204)

    @router.post("/permissions")
    async def permit(body: Body) -> Response:
        for held, given in ((world.app_permissions, body.get("app", APP_PERMISSIONS)),
                            (world.user_permissions, body.get("user", USER_PERMISSIONS))):  # fmt: skip
            held.clear()
            held.update(given)
        return Response(status_code=204)

    @router.post("/faults")
    async def set_faults(body: Body) -> Response:
        world.faults.set_rate(float(body["rate"]), int(body.get("seed", 0)), body.get("kinds", []))
        return Response(status_code=204)

    @router.post("/faults/next")
    async def add_fault(body: Body) -> Response:
        world.faults.add(body["fault"], body.get("path", ""), body.get("times", 1), body.get("skip", 0))
        return Response(status_code=204)

    @router.delete("/faults")
    async def remove_faults() -> Response:
        world.faults.rate = 0.0
        world.faults.one_shots.clear()
        return Response(status_code=204)

    @router.post("/tokens/expire")
    async def expire_tokens(body: Body) -> Body:
        return {"sessions": world.sessions.expire(refresh_too=body.get("refresh", False))}

    @router.post("/syncs/reset")
    async def reset_syncs() -> Response:
        world.sync_epoch += 1
        return Response(status_code=204)

    return router


def _data_routes(world: World) -> APIRouter:
    router = APIRouter()

    @router.get("/calls")
    async def all_calls() -> Body:
        return {"records": world.calls.all()}

    @router.post("/calls")
    async def add_calls(body: Body) -> Body:
        return {"ids": world.calls.add(body["records"])}

    @router.post("/calls/generate")
    async def generate_calls(body: Body) -> Body:
        return {"added": len(world.calls.add(generate.calls(**body)))}

    @router.patch("/calls/{call_id}")
    async def change_call(call_id: str, body: Body) -> Body:
        try:
            return world.calls.change(call_id, body)
        except KeyError:
            raise HTTPException(404, f"no call {call_id}") from None

    @router.delete("/calls")
    async def forget_calls() -> Response:
        world.calls.clear()
        return Response(status_code=204)

    @router.get("/messages")
    async def all_messages() -> Body:
        return {"records": world.messages.all()}

    @router.post("/messages")
    async def add_messages(body: Body) -> Body:
        return {"ids": world.messages.add(body["records"])}

    @router.patch("/messages/{message_id}")
    async def change_message(message_id: int, body: Body) -> Body:
        try:
            return world.messages.change(message_id, body)
        except KeyError:
            raise HTTPException(404, f"no message {message_id}") from None

    @router.delete("/messages")
    async def forget_messages() -> Response:
        world.messages.clear()
        return Response(status_code=204)

    @router.get("/consents")
    async def all_consents() -> Body:
        return {"records": world.consents.history([])}

    @router.post("/consents")
    async def add_consents(body: Body) -> Body:
        return {"added": world.consents.add(body["records"])}

    @router.delete("/consents")
    async def forget_consents() -> Response:
        world.consents.clear()
        return Response(status_code=204)

    return router
