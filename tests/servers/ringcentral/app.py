"""The application: the API's routes, its errors, and faults in front of all of it but the control."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.servers.ringcentral.call_routes import call_routes
from tests.servers.ringcentral.config import Config
from tests.servers.ringcentral.control import control_routes
from tests.servers.ringcentral.errors import ApiError, OAuthError
from tests.servers.ringcentral.message_routes import message_routes
from tests.servers.ringcentral.shapes import ErrorBody, OAuthErrorBody, Token
from tests.servers.ringcentral.world import World


def make_app(config: Config) -> ASGIApp:
    """The server over an empty world."""
    world = World(config)
    app = FastAPI(openapi_url=None)
    app.include_router(call_routes(world))
    app.include_router(message_routes(world))
    app.include_router(control_routes(world))

    @app.post("/restapi/oauth/token")
    async def token(request: Request) -> Response:
        world.pass_limit(request, "auth")
        form = await _form(request)
        return world.answer(request, Token, world.sessions.grant(request.headers.get("authorization"), form))

    @app.post("/restapi/oauth/revoke")
    async def revoke(request: Request) -> Response:
        world.pass_limit(request, "auth")
        world.sessions.revoke(request.headers.get("authorization"), await _form(request))
        return Response(status_code=200, headers=request.state.headers)

    @app.exception_handler(ApiError)
    async def api_error(request: Request, error: ApiError) -> Response:
        return world.answer(request, ErrorBody, error.body, error.status)

    @app.exception_handler(OAuthError)
    async def oauth_error(request: Request, error: OAuthError) -> Response:
        return world.answer(request, OAuthErrorBody, error.body, error.status)

    @app.exception_handler(ValidationError)
    async def wrong_shape(request: Request, error: ValidationError) -> Response:
        # Of what a test gave, its own mistake; of an answer, the server's, which usage shows.
        if not request.url.path.startswith("/_control"):
            world.shape_errors.append(str(error)[:2000])
        return Response(str(error), 422 if request.url.path.startswith("/_control") else 500)

    @app.exception_handler(404)
    async def no_such_path(request: Request, _: Exception) -> Response:
        return world.answer(request, ErrorBody, ApiError(404, "CMN-120", "Invalid URI").body, 404)

    return _Faulty(app, world)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


class _Torn(Exception):
    """Ends a connection in the middle of a body."""


class _Faulty:
    """In front of the application: what the faults say, and a note of every request."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app, self._world = app, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        fault = self._world.faults.draw(scope["path"])
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(fault, scope, receive, noting)
        finally:
            self._world.note(request, status)

    async def _answer(self, fault: dict[str, Any] | None, scope: Scope, receive: Receive, send: Send) -> None:
        match fault and fault["kind"]:
            case "status":
                await _answer_of(fault or {})(scope, receive, send)
            case "late":
                await self._app(scope, receive, _into_nothing)
                await _answer_of(fault or {})(scope, receive, send)
            case "torn":
                await self._app(scope, receive, _tearing(send))
            case "slow" | "timeout":
                await asyncio.sleep((fault or {}).get("seconds", 0.0))
                await self._app(scope, receive, send)
            case _:
                await self._app(scope, receive, send)


def _answer_of(fault: dict[str, Any]) -> Response:
    if "body" in fault:
        return Response(fault["body"], fault["status"], fault.get("headers"), "text/html")
    code, message = fault.get("code", "CMN-203"), fault.get("message", "Internal Server Error")
    body = fault.get("json") or ApiError(fault["status"], code, message).body
    return Response(json.dumps(body), fault["status"], fault.get("headers"), "application/json;charset=utf-8")


async def _into_nothing(_: Message) -> None:
    """Nobody hears it."""


def _tearing(send: Send) -> Send:
    async def tear(message: Message) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            await send({**message, "body": message["body"][: len(message["body"]) // 2], "more_body": True})
            raise _Torn
        await send(message)

    return tear
