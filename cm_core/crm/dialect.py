"""How Pipedrive says things: who we are, what its refusals mean and for how long it wants to be left alone.

Facts: pipedrive.readme.io "core-api-concepts-rate-limiting" and "core-api-concepts-http-status-codes". What it leaves
open (the body of a 429, Retry-After) is read tolerantly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

from cm_core.web import Answer, Call, Pause, seconds_of

#: Limit groups of our requests, and the limits over them (`Limiter.pause` takes either).
GENERAL = "general"
SEARCH = "search"
BURST = "burst"

_FORBIDDEN = 403
_TOO_MANY = 429
#: A refusal for rate that lasts longer is not the burst's, whose window is two seconds.
_LONGEST_BURST_S = 120.0
#: The day's budget is spent and nobody says until when: looked at again after an hour.
_SPENT_S = 3_600.0
_DAILY = re.compile(r"\bdaily\b|per day|request budget", re.IGNORECASE)
_LEFT_TODAY = ("x-daily-requests-left", "x-daily-ratelimit-token-remaining")

_WHAT_TO_DO = {
    401: "the API token is wrong or was replaced. Set CM_PIPEDRIVE_TOKEN anew",
    402: "the Pipedrive account is not open: its trial has ended or a bill is unpaid. Somebody has to see to it there",
    403: "the user of the token may not do this, or the account's plan does not include it",
    405: "this address does not take the method; CM_PIPEDRIVE_URL must be without /api/v2 and /v1",
    410: "it is gone for good",
    415: "it does not take JSON here; CM_PIPEDRIVE_URL may point at something else",
    422: "it understood the request and cannot carry it out",
}


class PipedriveDialect:
    """Answers of Pipedrive, for `ApiClient`."""

    def __init__(self, token: SecretStr, *, burst_seconds: float, blocked_seconds: float) -> None:
        self._token = token
        self._burst_seconds = burst_seconds
        self._blocked_seconds = blocked_seconds

    def headers(self) -> Mapping[str, str]:
        """The token of the user who syncs."""
        return {"x-api-token": self._token.get_secret_value(), "accept": "application/json"}

    def renew(self) -> bool:
        """A token does not run out: there is nothing to renew."""
        return False

    def pause(self, call: Call, answer: Answer) -> Pause | None:
        """429 is a pause of the burst window or, where the day's budget is spent, a long one; so is a 403 in HTML."""
        if answer.status == _TOO_MANY:
            return self._rate(call, answer)
        if answer.status == _FORBIDDEN and not answer.is_json:
            # Who goes on in spite of 429 is kept out by Cloudflare, before Pipedrive; it does not say for how long.
            seconds = seconds_of(answer, "retry-after") or self._blocked_seconds
            return Pause(BURST, seconds, "Pipedrive has shut us out (403) because of too many requests")
        return None

    def reason(self, answer: Answer) -> str:
        """What Pipedrive said, and what to do about it."""
        said = _said(answer)
        advice = _WHAT_TO_DO.get(answer.status)
        return ": ".join(part for part in (said, advice) if part) + "."

    def _rate(self, call: Call, answer: Answer) -> Pause:
        after = seconds_of(answer, "retry-after")
        if _is_daily(answer, after):
            return Pause(BURST, after or _SPENT_S, "Pipedrive's tokens of the day are spent (429)")
        # x-ratelimit-reset is seconds that are left, not a time.
        left = seconds_of(answer, "x-ratelimit-reset")
        seconds = max(0.05, *(found for found in (left, after) if found is not None), 0.0)
        if left is None and after is None:
            seconds = self._burst_seconds
        group = SEARCH if call.group == SEARCH else BURST
        return Pause(group, seconds, "Pipedrive asks for a pause: too many requests at once (429)")


def _is_daily(answer: Answer, after: float | None) -> bool:
    """Whether a 429 is the day's and not the burst's."""
    if after is not None and after > _LONGEST_BURST_S:
        return True
    if _DAILY.search(_said(answer)):
        return True
    return any(answer.headers.get(name, "").strip() == "0" for name in _LEFT_TODAY)


def _said(answer: Answer) -> str:
    """The error's text: `error` and what is in `errors`; of a page of HTML nothing."""
    document = answer.json
    if not isinstance(document, dict):
        return "" if answer.is_json or "<" in answer.text else " ".join(answer.text.split())
    parts = [str(document[name]) for name in ("error", "message") if document.get(name)][:1]
    errors = document.get("errors")
    if isinstance(errors, dict):
        parts += [f"{name}: {_flat(value)}" for name, value in errors.items()]
    elif errors:
        parts.append(_flat(errors))
    return " ".join("; ".join(parts).split()).rstrip(".")


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
