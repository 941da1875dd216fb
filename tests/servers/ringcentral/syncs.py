"""Sync tokens: what a client knows, in a text that means nothing to it."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from tests.servers.ringcentral.errors import ApiError

_EXPIRED = "Parameter [syncToken] is invalid [Sync token expired, call log was reset]"
_TOO_MANY = "Parameter [syncToken] is invalid [max sync record number limit is exceeded]"


def make(epoch: int, kind: str, **known: Any) -> str:
    """A token of a kind of sync."""
    text = json.dumps({"epoch": epoch, "kind": kind, **known}, sort_keys=True).encode()
    return base64.urlsafe_b64encode(zlib.crc32(text).to_bytes(4) + text).decode().rstrip("=")


def read(token: str | None, epoch: int, kind: str) -> dict[str, Any]:
    """What a token says. Raises ApiError for one that is missing, not ours, of another kind or of before a reset."""
    try:
        raw = base64.urlsafe_b64decode((token or "") + "=" * (-len(token or "") % 4))
        known: dict[str, Any] = json.loads(raw[4:])
    except ValueError:
        raise expired(kind) from None
    if zlib.crc32(raw[4:]) != int.from_bytes(raw[:4]) or known["epoch"] != epoch or known["kind"] != kind:
        raise expired(kind)
    return known


def expired(kind: str) -> ApiError:
    """400: the client is to begin anew with an FSync."""
    if kind == "messages":
        return ApiError(400, "MSG-333", "Parameter [syncToken] is invalid", parameterName="syncToken")
    return ApiError(400, "CLG-101", _EXPIRED, parameterName="syncToken")


def too_many() -> ApiError:
    """400: more changes than an ISync gives; FSync anew."""
    return ApiError(400, "CLG-104", _TOO_MANY, parameterName="syncToken")
