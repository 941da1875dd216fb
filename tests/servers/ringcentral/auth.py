"""Sessions: a JWT is given for an access token and a refresh token, which is good once."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.ringcentral.config import OWN_EXTENSION_ID, Config
from tests.servers.ringcentral.errors import ApiError, OAuthError

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Session:
    """What one login gave."""

    access_token: str
    access_until: float
    refresh_token: str
    refresh_until: float
    refreshed_at: float | None = None
    endpoint_id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


class Sessions:
    """The sessions of the one user and app. Times are real: `expire` is for who does not want to wait."""

    def __init__(self, config: Config, scopes: set[str]) -> None:
        self._config = config
        self._scopes = scopes
        self._sessions: list[Session] = []
        self.logins = self.refreshes = self.revocations = 0

    def grant(self, authorization: str | None, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint. Raises OAuthError."""
        self._check_client(authorization)
        match form.get("grant_type"):
            case value if value == JWT_GRANT:
                if not secrets.compare_digest(form.get("assertion", "").encode(), self._config.jwt.encode()):
                    raise OAuthError(400, "invalid_grant", "OAU-140", "Invalid resource owner credentials")
                self.logins += 1
            case "refresh_token":
                self._use_refresh_token(form.get("refresh_token", ""))
                self.refreshes += 1
            case other:
                message = f"The client is unauthorized for the required grant type: [{other}]"
                raise OAuthError(400, "unsupported_grant_type", "OAU-112", message)
        return self._open()

    def revoke(self, authorization: str | None, form: dict[str, str]) -> None:
        """End the session of a token; one that is not known is no error (RFC 7009)."""
        self._check_client(authorization)
        token = form.get("token", "")
        self._sessions = [s for s in self._sessions if token not in (s.access_token, s.refresh_token)]
        self.revocations += 1

    def check(self, authorization: str | None) -> None:
        """Raises ApiError 401 unless the header carries a living access token."""
        if not authorization:
            raise ApiError(401, "OAU-123", "Invalid Authorization header value: null")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise ApiError(401, "OAU-151", "Authorization method not supported")
        session = next((s for s in self._sessions if s.access_token == token), None)
        if session is None:
            raise ApiError(401, "OAU-129", "Access token corrupted")
        if session.access_until <= time.monotonic():
            raise ApiError(401, "OAU-128", "Access token expired")

    def expire(self, *, refresh_too: bool = False) -> int:
        """Let every access token be expired. How many sessions there are."""
        for session in self._sessions:
            session.access_until = 0.0
            if refresh_too:
                session.refresh_until = 0.0
        return len(self._sessions)

    def _open(self) -> dict[str, Any]:
        now, config = time.monotonic(), self._config
        session = Session(
            secrets.token_urlsafe(40), now + config.access_token_life,
            secrets.token_urlsafe(40), now + config.refresh_token_life,
        )  # fmt: skip
        # So many at once; the oldest goes.
        self._sessions = [*self._sessions, session][-config.sessions :]
        return {
            "access_token": session.access_token,
            "token_type": "bearer",
            "expires_in": config.access_token_life,
            "refresh_token": session.refresh_token,
            "refresh_token_expires_in": config.refresh_token_life,
            "scope": " ".join(sorted(self._scopes)),
            "owner_id": OWN_EXTENSION_ID,
            "endpoint_id": session.endpoint_id,
        }

    def _use_refresh_token(self, token: str) -> None:
        now = time.monotonic()
        session = next((s for s in self._sessions if s.refresh_token == token), None)
        used_up = session and session.refreshed_at and now > session.refreshed_at + self._config.refresh_token_grace
        if session is None or used_up or session.refresh_until <= now:
            raise OAuthError(400, "invalid_grant", "OAU-210", "Token not found")
        session.refreshed_at = session.refreshed_at or now

    def _check_client(self, authorization: str | None) -> None:
        scheme, _, encoded = (authorization or "").partition(" ")
        try:
            pair = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            pair = b""
        expected = f"{self._config.client_id}:{self._config.client_secret}".encode()
        if scheme.lower() != "basic" or not secrets.compare_digest(pair, expected):
            raise OAuthError(401, "invalid_client", "OAU-146", "Invalid client credentials")
