"""Errors in the forms Pipedrive gives them, and the exception that carries one to the caller."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

_SCHEMA = "ERR_SCHEMA_VALIDATION_FAILED"
_INFO = "Please check developers.pipedrive.com"
_BLOCKED = """<!DOCTYPE html>
<html lang="en-US"><head><title>Access denied | api.pipedrive.com used Cloudflare to restrict access</title></head>
<body><h1>Error 1015</h1><h2>You are being rate limited</h2></body></html>"""
_UNAVAILABLE = "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>"


class ApiError(Exception):
    """An error reply: the HTTP status and its JSON body."""

    def __init__(self, status: int, error: str, *, info: str = _INFO, **extra: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = error_body(error, info=info, **extra)


class RawError(ApiError):
    """An error reply whose body has a form of its own (webhooks, OAuth)."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, str(body))
        self.body = body


def error_body(error: str, *, info: str = _INFO, **extra: Any) -> dict[str, Any]:
    """The body of an error as most endpoints give it."""
    return {"success": False, "error": error, "error_info": info, "data": None, "additional_data": None, **extra}


def not_found(what: str) -> ApiError:
    """404 for something that does not exist (any more)."""
    return ApiError(404, f"{what} not found")


def bad_request(error: str) -> ApiError:
    """400 for a value the API does not take."""
    return ApiError(400, error, code=_SCHEMA)


def unauthorized() -> JSONResponse:
    """401: no token, or one that is not (or no longer) good."""
    return JSONResponse({"success": False, "error": "unauthorized access", "errorCode": 401, "error_info": _INFO}, 401)


def simple(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error with its status as errorCode, as gates before the endpoints give it."""
    return JSONResponse({"success": False, "error": error, "errorCode": status}, status, headers)


def blocked() -> HTMLResponse:
    """403 and HTML: what stands before the API has had enough of this caller."""
    return HTMLResponse(_BLOCKED, 403, {"server": "cloudflare"})


def of_status(status: int) -> Response:
    """A reply with that status which has nothing to do with the request, as an outage gives it."""
    if status == 503:
        return HTMLResponse(_UNAVAILABLE, 503)
    texts = {402: "Payment Required", 410: "Gone", 500: "Internal Server Error", 501: "Not Implemented"}
    return JSONResponse(error_body(texts.get(status, "Request failed"), errorCode=status), status)


def install(app: FastAPI) -> None:
    """Give the framework's own errors the API's form: what does not validate is 400, not 422."""

    @app.exception_handler(ApiError)
    async def _api_error(_request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body, error.status)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        text = f"Validation failed: {where or 'body'}: {first['msg']}"
        return JSONResponse(error_body(text, code=_SCHEMA), 400)

    @app.exception_handler(HTTPException)
    async def _http_error(_request: Request, error: HTTPException) -> JSONResponse:
        texts = {404: "Unknown method .", 405: "Method not allowed"}
        return JSONResponse(error_body(texts.get(error.status_code, str(error.detail))), error.status_code)
