"""The application: all endpoints, the token endpoint of OAuth, and the gate around them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import ValidationError

from tests.servers.pipedrive import control, errors, others_v2, persons_v2, v1
from tests.servers.pipedrive.config import Config
from tests.servers.pipedrive.gate import Gate
from tests.servers.pipedrive.requests import TheWorld
from tests.servers.pipedrive.world import World


def build(config: Config) -> Gate:
    """A server's ASGI application with an empty account."""
    app = FastAPI(title="Pipedrive stand-in", openapi_url=None, redirect_slashes=False)
    app.state.config, app.state.world = config, World(config)
    errors.install(app)

    @app.exception_handler(ValidationError)
    async def _wrong_shape(request: Request, error: ValidationError) -> JSONResponse:
        # In a control call it is the caller's mistake; elsewhere a reply that the API would never give.
        status = 400 if request.url.path.startswith("/_control") else 500
        return JSONResponse(errors.error_body(f"shape: {error}"), status)

    @app.get("/oauth/authorize")
    async def authorize(world: TheWorld, client_id: str, redirect_uri: str, state: str = "") -> RedirectResponse:
        """The user says yes at once."""
        query = urlencode({"code": world.accounts.new_code(1, redirect_uri), "state": state})
        return RedirectResponse(f"{redirect_uri}?{query}", 302)

    @app.post("/oauth/token")
    async def token(world: TheWorld, request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode()))
        domain = str(request.base_url).rstrip("/")
        return JSONResponse(world.accounts.grant(request.headers.get("authorization", ""), form, domain))

    app.include_router(control.router)
    app.include_router(persons_v2.router)
    app.include_router(others_v2.router)
    app.include_router(v1.router, prefix="/v1")
    app.include_router(v1.router, prefix="/api/v1")
    return Gate(app)
