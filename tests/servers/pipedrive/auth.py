"""Users, API tokens and OAuth: who a request comes from and what it may do."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from typing import Any

from tests.servers.pipedrive.clock import Clock
from tests.servers.pipedrive.config import Config
from tests.servers.pipedrive.errors import RawError

_CODE_SECONDS = 300
ALL_SCOPES = (
    "base contacts:read contacts:full deals:read deals:full activities:read activities:full recents:read search:read "
    "contact-fields:full phone-integration users:read admin"
)
#: (methods, path pattern) -> the scopes of which one is needed.
_SCOPES = [
    (methods, re.compile(pattern), frozenset(scopes.split()))
    for methods, pattern, scopes in [
        ("GET", r".*/persons/search", "contacts:read contacts:full search:read"),
        ("GET", r".*/persons/\w+/changelog", "recents:read"),
        ("GET", r".*/(persons|personFields)\b.*", "contacts:read contacts:full"),
        ("POST", r".*/personFields\b.*", "contact-fields:full admin"),
        ("POST PATCH PUT DELETE", r".*/persons\b.*", "contacts:full"),
        ("GET", r".*/deals\b.*", "deals:read deals:full"),
        ("POST PATCH PUT DELETE", r".*/deals\b.*", "deals:full"),
        ("GET", r".*/activities\b.*", "activities:read activities:full"),
        ("POST PATCH PUT DELETE", r".*/activities\b.*", "activities:full"),
        ("GET", r".*/recents", "recents:read"),
        ("GET POST DELETE", r".*/callLogs\b.*", "phone-integration"),
        ("GET POST DELETE", r".*/webhooks\b.*", "admin"),
        ("GET", r".*/users\b.*", "base users:read admin"),
    ]
]


@dataclass(frozen=True)
class Caller:
    """Whose request it is; `scopes` is None for an API token, which may do all."""

    user_id: int
    token: str
    scopes: frozenset[str] | None = None

    def may(self, method: str, path: str) -> bool:
        """Whether the scopes allow the call."""
        if self.scopes is None:
            return True
        needed = next((s for m, pattern, s in _SCOPES if method in m.split() and pattern.fullmatch(path)), frozenset())
        return not needed or bool(needed & self.scopes)


@dataclass(frozen=True)
class _Grant:
    user_id: int
    scope: str
    until: str
    redirect_uri: str = ""


class Accounts:
    """The company's users and what they gave out: API tokens, codes, access and refresh tokens."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self.users: dict[int, dict[str, Any]] = {}
        self._api_tokens: dict[str, int] = {}
        self._codes: dict[str, _Grant] = {}
        self._access: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}
        self.add_user("Integration", token=config.token)
        self.add_user("Ann Agent")

    def add_user(self, name: str, *, token: str | None = None) -> dict[str, Any]:
        """A new user, with an API token of its own."""
        user_id = len(self.users) + 1
        email = f"{name.lower().replace(' ', '.')}@example.com"
        self.users[user_id] = {"id": user_id, "name": name, "email": email, "is_admin": 1, "active_flag": True}
        given = token or secrets.token_hex(20)
        self._api_tokens[given] = user_id
        return {**self.users[user_id], "api_token": given}

    def identify(self, headers: dict[str, str]) -> Caller | None:
        """Who sends these headers; None if nobody with a token that is good."""
        if token := headers.get("x-api-token"):
            user_id = self._api_tokens.get(token)
            return None if user_id is None else Caller(user_id, token)
        kind, _, token = headers.get("authorization", "").partition(" ")
        grant = self._access.get(token)
        if kind.lower() != "bearer" or grant is None or grant.until <= self._clock.now():
            return None
        # Bursts are counted by user and kind of token: a refreshed token begins no new window.
        return Caller(grant.user_id, f"oauth:{grant.user_id}", frozenset(grant.scope.split()))

    def revoke(self) -> None:
        """All access tokens stop being good, as when they expire; refresh tokens stay."""
        self._access.clear()

    def new_code(self, user_id: int, redirect_uri: str, scope: str = ALL_SCOPES) -> str:
        """A code to be changed for tokens within five minutes."""
        code = secrets.token_hex(20)
        self._codes[code] = _Grant(user_id, scope, self._clock.before(seconds=-_CODE_SECONDS), redirect_uri)
        return code

    def grant(self, authorization: str, form: dict[str, str], api_domain: str) -> dict[str, Any]:
        """Tokens for a code or a refresh token. RawError 401 for the wrong client, 400 for what is not good."""
        expected = base64.b64encode(f"{self._config.client_id}:{self._config.client_secret}".encode()).decode()
        try:
            base64.b64decode(authorization.removeprefix("Basic "), validate=True)
        except binascii.Error:
            raise _refused(401, "invalid_client") from None
        if authorization != f"Basic {expected}":
            raise _refused(401, "invalid_client")
        if form.get("grant_type") == "authorization_code":
            # A code is good once.
            grant = self._codes.pop(form.get("code", ""), None)
            if grant is None or grant.until <= self._clock.now() or form.get("redirect_uri") != grant.redirect_uri:
                raise _refused(400, "invalid_grant")
            refresh = secrets.token_hex(20)
            self._refresh[refresh] = grant
        elif form.get("grant_type") == "refresh_token":
            refresh = form.get("refresh_token", "")
            known = self._refresh.get(refresh)
            if known is None:
                raise _refused(400, "invalid_grant")
            grant = known
        else:
            raise _refused(400, "unsupported_grant_type")
        access, seconds = secrets.token_hex(20), self._config.access_token_seconds
        self._access[access] = _Grant(grant.user_id, grant.scope, self._clock.before(seconds=-seconds))
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": seconds,
            "refresh_token": refresh,
            "scope": grant.scope.replace(" ", ","),
            "api_domain": api_domain,
        }


def _refused(status: int, error: str) -> RawError:
    return RawError(status, {"success": False, "message": error.replace("_", " "), "error": error})
