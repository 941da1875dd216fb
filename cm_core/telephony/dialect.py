"""How RingCentral says things: what its refusals mean and for how long it wants to be left alone.

Facts: "basics/rate-limits" and "basics/errors" of RingCentral's API documents. Codes decide, never messages, which may
change; of sync tokens even the codes differ by version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cm_core.settings import Settings
from cm_core.web import Answer, Call, Limit, Pause, seconds_of

API = "ringcentral"
#: Limit groups of the API; `GLOBAL` is all of them together.
LIGHT, MEDIUM, HEAVY, AUTH, GLOBAL = "light", "medium", "heavy", "auth", "global"
GROUPS = (LIGHT, MEDIUM, HEAVY, AUTH)

_TOO_MANY, _UNAVAILABLE = 429, 503
_RATE_CODES = ("CMN-301", "CMN-302", "CMN-303", "CMN-304")
_GLOBAL_CODE = "CMN-310"
_NO_LOGIN = ("invalid_client", "invalid_grant", "unsupported_grant_type")

_WHAT_TO_DO = {
    401: "the credentials are not taken. Check CM_RINGCENTRAL_CLIENT_ID, _CLIENT_SECRET and _JWT, and that the JWT is "
    "of this environment and has not been revoked",
    403: "the app or the user of the JWT lacks a permission. The app needs ReadCallLog, ReadMessages and SMS, the user "
    "the company's call log",
    404: "CM_RINGCENTRAL_URL or an id in CM_RINGCENTRAL_EXTENSIONS may be wrong",
}
_PERMISSIONS = ("CMN-401", "CMN-402", "CMN-408")


class RingCentralDialect:
    """Answers of RingCentral, for `ApiClient`. `authorization` gives the header; `renew` gets a new login."""

    def __init__(
        self, settings: Settings, authorization: Callable[[], str], renew: Callable[[], bool] = lambda: False
    ) -> None:
        self._authorization = authorization
        self._renew = renew
        self._penalty = settings.ringcentral_penalty_seconds
        #: Requests that the group of the last answer has left in its window, as the API says.
        self.left: int | None = None

    def headers(self) -> Mapping[str, str]:
        """Who we are."""
        return {"authorization": self._authorization(), "accept": "application/json"}

    def renew(self) -> bool:
        """A new login, where there is one."""
        return self._renew()

    def pause(self, call: Call, answer: Answer) -> Pause | None:
        """429 is a pause of the request's group, whatever else it says; so is its body with status 200, and a 503 that
        says for how long. Every request during a penalty begins it anew.
        """
        left = answer.headers.get("x-rate-limit-remaining", "")
        self.left = int(left) if left.isdecimal() else self.left
        codes = codes_of(answer)
        rated = any(code in _RATE_CODES or code == _GLOBAL_CODE for code in codes)
        after = seconds_of(answer, "retry-after")
        if answer.status == _TOO_MANY or rated:
            group = GLOBAL if _GLOBAL_CODE in codes else call.group
            seconds = self._penalty if after is None else max(after, 0.05)
            return Pause(group, seconds, f"RingCentral asks for a pause: too many requests ({codes_text(answer)})")
        if answer.status == _UNAVAILABLE and after is not None:
            return Pause(call.group, max(after, 0.05), "RingCentral is not available and says for how long (503)")
        return None

    def reason(self, answer: Answer) -> str:
        """What RingCentral said, and what to do about it."""
        advice = _WHAT_TO_DO.get(answer.status)
        if answer.status == 403 and not any(code in _PERMISSIONS for code in codes_of(answer)):
            advice = None
        if isinstance(answer.json, dict) and answer.json.get("error") in _NO_LOGIN:
            advice = _WHAT_TO_DO[401]
        return ": ".join(part for part in (_said(answer), advice) if part) + "."


def limits(settings: Settings) -> tuple[Limit, ...]:
    """The limits of user and app, each group by itself; the global one is there to be paused."""
    window = settings.ringcentral_window_seconds
    by_group = {
        LIGHT: settings.ringcentral_light, MEDIUM: settings.ringcentral_medium, HEAVY: settings.ringcentral_heavy,
        AUTH: settings.ringcentral_auth,
    }  # fmt: skip
    single = [Limit(group, requests, window, (group,)) for group, requests in by_group.items()]
    return (*single, Limit(GLOBAL, sum(by_group.values()), window, GROUPS))


def codes_of(answer: Answer) -> list[str]:
    """The error codes of an answer: those of `errors` and the one above them."""
    document = answer.json
    if not isinstance(document, dict):
        return []
    return [str(entry["errorCode"]) for entry in (*_entries(document), document) if entry.get("errorCode")]


def codes_text(answer: Answer) -> str:
    """Status and first code, for messages."""
    return ", ".join([str(answer.status), *codes_of(answer)[:1]])


def _entries(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document.get("errors")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _said(answer: Answer) -> str:
    """Code and message; of a page of HTML nothing."""
    document = answer.json
    if not isinstance(document, dict):
        return "" if "<" in answer.text else " ".join(answer.text.split())
    message = " ".join(str(document.get("message") or document.get("error_description") or "").split()).rstrip(".")
    named = next((entry["parameterName"] for entry in _entries(document) if entry.get("parameterName")), None)
    if named and str(named) not in message:
        message += f" ({named})"
    return " ".join([*codes_of(answer)[:1], message]).strip()
