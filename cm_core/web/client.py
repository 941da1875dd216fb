"""One HTTP client for outside APIs: it asks the limiter first, tries again what may be tried again, and says what went
wrong in words. What an API's answers mean is told to it by a `Dialect`.
"""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx
import tenacity

from cm_core.settings import Settings
from cm_core.web.errors import ApiRefused, ApiUnavailable, Busy, NotAllowed, NotThere, Unanswered
from cm_core.web.limits import Limiter

_GONE = (404, 410)
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_TOO_MANY = 429
_LONGEST_REASON = 300
#: Pauses for rate (429) that one request sits out before it gives up.
_PAUSES_PER_REQUEST = 5


@dataclass(frozen=True)
class Call:
    """A kind of request: `name` is method and path without ids, `group` what it is counted with, `tokens` its price.

    `repeatable`: sending it twice does what sending it once does. Others are never sent again where no answer came.
    """

    name: str
    group: str
    tokens: int = 0
    repeatable: bool = True


@dataclass(frozen=True)
class Pause:
    """The API wants nothing in `group` for `seconds`, because of `reason`."""

    group: str
    seconds: float
    reason: str


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP status, headers (lower case), and the JSON document, if it is one."""

    status: int
    headers: Mapping[str, str]
    json: Any
    text: str

    @property
    def is_json(self) -> bool:
        """Whether the body is a JSON document."""
        return self.json is not None

    @property
    def server_time(self) -> datetime | None:
        """What the server's clock says (naive UTC, whole seconds), if it says it."""
        return _moment(self.headers.get("date", ""))


class Dialect(Protocol):
    """How an API says things."""

    def headers(self) -> Mapping[str, str]:
        """Headers of every request: who we are."""

    def renew(self) -> bool:
        """Get new credentials after a 401; False: there is nothing to renew."""

    def pause(self, call: Call, answer: Answer) -> Pause | None:
        """The pause that the answer asks for, if it does; also where it has status 200 or 403."""

    def reason(self, answer: Answer) -> str:
        """What the answer says is wrong, in a line, without credentials."""


class ApiClient:
    """Requests to one API on behalf of `purpose` (a pull, a plan); `limiter.usage(purpose)` tells what they cost."""

    def __init__(
        self, settings: Settings, base_url: str, limiter: Limiter, dialect: Dialect, *, purpose: str,
        max_wait_s: float = 3_700.0,
    ) -> None:  # fmt: skip
        self.limiter = limiter
        self.purpose = purpose
        self._dialect = dialect
        self._tries = settings.web_tries
        self._backoff = settings.web_backoff_seconds
        self._max_wait = max_wait_s
        #: When (`time.monotonic`) the latest request was sent, after whatever it had to wait for.
        self.sent_at = time.monotonic()
        self._http = httpx.Client(base_url=base_url, timeout=settings.web_timeout_seconds, follow_redirects=False)

    def close(self) -> None:
        """Close the connections to the API and to the limiter's database."""
        self._http.close()
        self.limiter.close()

    def request(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        from_reserve: bool = False,
        max_wait_s: float | None = None,
    ) -> Answer:
        """The API's answer, of status 2xx. The body is `json`, or the fields of `form` (logins).

        `max_wait_s`: what is to be sent is out of date after so long, all waiting together; then Busy, or what went
        wrong, is raised at once. Without, each pause may be as long as the client's.

        Tries again after failures of the network and 5xx, `web_tries` times in all, and after pauses that the API asks
        for. Raises ApiUnavailable, Unanswered (a call that is not repeatable), NotThere, NotAllowed, ApiRefused, Busy,
        BudgetSpent.
        """
        stop: tenacity.stop.stop_base = tenacity.stop_after_attempt(self._tries)
        if max_wait_s is not None:
            stop |= tenacity.stop_before_delay(max_wait_s)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_try_again),
            wait=tenacity.wait_exponential_jitter(multiplier=self._backoff, max=60, jitter=self._backoff),
            stop=stop,
            reraise=True,
        )
        body = {"json": json} if form is None else {"data": form}
        until = None if max_wait_s is None else time.monotonic() + max_wait_s
        return retrying(self._once, call, method, path, params, body, from_reserve, until)

    def _once(
        self,
        call: Call,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any],
        from_reserve: bool,
        until: float | None,
    ) -> Answer:
        """One try; pauses and a renewed login are part of it."""
        renewed = False
        for _ in range(_PAUSES_PER_REQUEST):
            answer = self._send(call, method, path, params, body, from_reserve, self._patience(until))
            if pause := self._dialect.pause(call, answer):
                self.limiter.pause(pause.group, pause.seconds, pause.reason)
                if pause.seconds > self._patience(until):
                    raise Busy(f"{self._where(call)}: {pause.reason}.", seconds=pause.seconds, status=answer.status)
                continue
            if answer.status == _UNAUTHORIZED and not renewed and self._dialect.renew():
                renewed = True
                continue
            return self._accepted(call, answer)
        raise Busy(f"{self._where(call)}: it keeps asking for pauses.", seconds=60.0, status=_TOO_MANY)

    def _send(
        self,
        call: Call,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any],
        from_reserve: bool,
        patience: float,
    ) -> Answer:
        reservation = self.limiter.reserve(
            call.group, tokens=call.tokens, purpose=self.purpose, call_name=call.name, max_wait_s=patience,
            from_reserve=from_reserve,
        )  # fmt: skip
        self.sent_at = time.monotonic()
        status: int | None = None
        try:
            response = self._http.request(method, path, params=params, headers=dict(self._dialect.headers()), **body)
            status = response.status_code
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ApiUnavailable(f"{self._where(call)}: no connection ({_kind(error)}).") from None
        except httpx.HTTPError as error:
            message = f"{self._where(call)}: no answer ({_kind(error)})."
            raise (ApiUnavailable if call.repeatable else Unanswered)(message) from None
        finally:
            self.limiter.done(reservation, status)
        answer = _answer(response)
        if server_time := answer.server_time:
            self.limiter.clock_seen(server_time)
        return answer

    def _accepted(self, call: Call, answer: Answer) -> Answer:
        """The answer, if it is good."""
        status = answer.status
        if status < 300:
            if not answer.is_json and answer.text.strip():
                # A body that was cut off: for a call that is not repeatable, it was carried out nevertheless.
                raise (ApiUnavailable if call.repeatable else Unanswered)(
                    f"{self._where(call)}: the answer is not whole.", status=status
                )
            return answer
        message = f"{self._where(call)}: {status}, {self._dialect.reason(answer)[:_LONGEST_REASON]}"
        if status in _GONE:
            raise NotThere(message, status=status)
        if status == _FORBIDDEN:
            raise NotAllowed(message, status=status)
        if status >= 500:
            raise (ApiUnavailable if call.repeatable else Unanswered)(message, status=status)
        raise ApiRefused(message, status=status)

    def _patience(self, until: float | None) -> float:
        """How long may be waited now."""
        return self._max_wait if until is None else max(0.0, until - time.monotonic())

    def _where(self, call: Call) -> str:
        return f"{self.limiter.api} {call.name}"


def seconds_of(answer: Answer, header: str) -> float | None:
    """Seconds that a header such as Retry-After gives, as a number or as a date; None: absent or neither."""
    said = answer.headers.get(header)
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        moment = _moment(said)
        now = answer.server_time or datetime.now(UTC).replace(tzinfo=None)
        return max(0.0, (moment - now).total_seconds()) if moment else None


def _may_try_again(error: BaseException) -> bool:
    """Whether the same request may be sent once more: never where it may have been carried out and that matters."""
    if isinstance(error, Unanswered | Busy):
        return False
    return isinstance(error, ApiUnavailable)


def _answer(response: httpx.Response) -> Answer:
    text = response.text
    try:
        found = jsonlib.loads(text) if text.strip() else None
    except ValueError:
        found = None
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, found, text)


def _moment(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def _kind(error: Exception) -> str:
    """What kind of failure: httpx's messages may hold URLs with query strings."""
    return type(error).__name__
