"""The login: a JWT is given for an access token, which the whole process uses until it runs out.

RingCentral allows five logins a minute and about five sessions of a user at once; so nobody logs in for each request,
and threads share a session. Tokens are in memory only, never in a log, a message or a table.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.telephony.dialect import API, AUTH, RingCentralDialect
from cm_core.web import ApiClient, ApiError, ApiRefused, ApiUnavailable, Call, Limiter

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN = Call("POST /oauth/token", AUTH)
_LOGOUT = Call("POST /oauth/revoke", AUTH)
#: A token is renewed so long before its end, or after nine tenths of a short life.
_MARGIN_S = 60.0


@dataclass(frozen=True)
class _Tokens:
    access: SecretStr
    access_until: float
    refresh: SecretStr | None
    refresh_until: float


class Session:
    """The session of one app and user. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        missing = [
            name
            for name in ("client_id", "client_secret", "jwt")
            if not getattr(settings, f"ringcentral_{name}")
        ]  # fmt: skip
        if missing:
            names = ", ".join(f"CM_RINGCENTRAL_{name.upper()}" for name in missing)
            raise SettingsError(
                f"{names}: not set. They are those of the RingCentral app and of a JWT credential of the user whose "
                "company's calls are read."
            )
        if not settings.ringcentral_url.startswith(("https://", "http://")):
            raise SettingsError("CM_RINGCENTRAL_URL must begin with https:// (https://platform.ringcentral.com).")
        self._settings = settings
        self._lock = threading.Lock()
        self._tokens: _Tokens | None = None

    def token(self, limiter: Limiter, *, purpose: str, max_wait_s: float) -> SecretStr:
        """An access token that is good for a while; logs in where there is none. Raises errors of `cm_core.web`."""
        with self._lock:
            if self._tokens is None or time.monotonic() >= self._tokens.access_until:
                self._tokens = self._get(limiter, purpose, max_wait_s)
            return self._tokens.access

    def refused(self, token: SecretStr) -> None:
        """The API does not take this token (401): the next who asks gets another one."""
        with self._lock:
            if self._tokens is not None and self._tokens.access == token:
                self._tokens = replace(self._tokens, access_until=0.0)

    def end(self, limiter: Limiter, *, purpose: str) -> None:
        """Log out, if logged in. Whatever goes wrong with that is passed over: the session runs out by itself."""
        with self._lock:
            tokens, self._tokens = self._tokens, None
        if tokens is not None:
            with suppress(ApiError):
                form = {"token": tokens.access.get_secret_value()}
                self._request(limiter, purpose, 5.0, _LOGOUT, "/restapi/oauth/revoke", form)

    def _get(self, limiter: Limiter, purpose: str, max_wait_s: float) -> _Tokens:
        old = self._tokens
        if old is not None and old.refresh is not None and time.monotonic() < old.refresh_until:
            form = {"grant_type": "refresh_token", "refresh_token": old.refresh.get_secret_value()}
            with suppress(ApiRefused):  # it was used already, or the session was ended: the JWT is good for another
                return self._login(limiter, purpose, max_wait_s, form)
        assert self._settings.ringcentral_jwt is not None
        form = {"grant_type": _GRANT, "assertion": self._settings.ringcentral_jwt.get_secret_value()}
        return self._login(limiter, purpose, max_wait_s, form)

    def _login(self, limiter: Limiter, purpose: str, max_wait_s: float, form: dict[str, str]) -> _Tokens:
        asked = time.monotonic()
        given = self._request(limiter, purpose, max_wait_s, _LOGIN, "/restapi/oauth/token", form)
        try:
            access, life = SecretStr(str(given["access_token"])), float(given["expires_in"])
            refresh = SecretStr(str(given["refresh_token"])) if given.get("refresh_token") else None
            refresh_life = float(given.get("refresh_token_expires_in") or 0)
        except (KeyError, TypeError, ValueError):
            raise ApiUnavailable(f"{API} {_LOGIN.name}: the answer has not the form it should have.") from None
        return _Tokens(access, asked + _most(life), refresh, asked + _most(refresh_life))

    def _request(
        self, limiter: Limiter, purpose: str, max_wait_s: float, call: Call, path: str, form: dict[str, str]
    ) -> Any:
        secret = self._settings.ringcentral_client_secret
        assert secret is not None
        pair = b64encode(f"{self._settings.ringcentral_client_id}:{secret.get_secret_value()}".encode()).decode()
        dialect = RingCentralDialect(self._settings, lambda: f"Basic {pair}")
        url = self._settings.ringcentral_url.rstrip("/")
        client = ApiClient(self._settings, url, limiter, dialect, purpose=purpose, max_wait_s=max_wait_s)
        try:
            return client.request(call, "POST", path, form=form).json
        finally:
            client.close()


def _most(life: float) -> float:
    """For how much of a token's life it is used."""
    return max(life - _MARGIN_S, life * 0.9)


_SESSIONS: dict[tuple[str, ...], Session] = {}
_SESSIONS_LOCK = threading.Lock()


def session_of(settings: Settings) -> Session:
    """The process's session with the app and user that the settings name. Raises SettingsError where they do not."""
    secrets = (settings.ringcentral_client_secret, settings.ringcentral_jwt)
    key = (
        settings.ringcentral_url, settings.ringcentral_client_id or "",
        *(secret.get_secret_value() if secret else "" for secret in secrets),
    )  # fmt: skip
    with _SESSIONS_LOCK:
        if key not in _SESSIONS:
            _SESSIONS[key] = Session(settings)
        return _SESSIONS[key]
