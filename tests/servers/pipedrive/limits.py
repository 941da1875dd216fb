"""What a call costs and who has had too much: burst per token, daily tokens of the company, and the server's own count.

Costs are those of the OpenAPI files (`x-token-cost`). Bursts are measured in real time, days by the server's clock.
Every request with a good token that is not refused is paid for, whatever becomes of it; refused ones cost nothing.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response

from tests.servers.pipedrive.clock import Clock
from tests.servers.pipedrive.config import Config
from tests.servers.pipedrive.errors import blocked, simple

#: (method, path pattern) -> tokens; the first that matches counts.
_COSTS = [
    (method, re.compile(pattern), cost)
    for method, pattern, cost in [
        ("GET", r"/api/v2/persons/search", 20),
        ("GET", r"/api/v2/deals/archived", 10),
        ("GET", r"/api/v2/\w+", 10),
        ("GET", r"/api/v2/\w+/\w+", 1),
        ("POST", r"/api/v2/.*", 5),
        ("PATCH", r"/api/v2/.*", 5),
        ("DELETE", r"/api/v2/.*", 3),
        ("PUT", r"/v1/persons/\w+/merge", 40),
        ("GET", r"/v1/persons/\w+/changelog", 20),
        ("GET", r"/v1/users/me", 2),
        ("GET", r"/v1/\w+", 20),
        ("GET", r"/v1/\w+/\w+", 2),
        ("POST", r"/v1/.*", 10),
        ("PUT", r"/v1/.*", 10),
        ("DELETE", r"/v1/.*", 6),
    ]
]


def cost_of(method: str, path: str) -> int:
    """Tokens of a call; 0 for a path that there is not."""
    path = path.removeprefix("/api") if path.startswith("/api/v1/") else path
    return next((cost for verb, pattern, cost in _COSTS if verb == method and pattern.fullmatch(path)), 0)


@dataclass
class Usage:
    """What came in, as the server saw it."""

    requests: int = 0
    accepted: int = 0
    unauthorized: int = 0
    burst_exceeded: int = 0
    search_burst_exceeded: int = 0
    daily_exceeded: int = 0
    requests_during_pause: int = 0
    blocked: int = 0
    most_in_window: int = 0
    tokens_by_day: Counter[str] = field(default_factory=Counter)
    calls_by_path: Counter[str] = field(default_factory=Counter)
    list_calls_by_path: Counter[str] = field(default_factory=Counter)
    replies_by_status: Counter[str] = field(default_factory=Counter)


class _Window:
    """Requests of one token in the last seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self._seconds = seconds
        self._times: deque[float] = deque()

    def left(self, now: float) -> int:
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return self.most - len(self._times)

    def add(self, now: float) -> None:
        self._times.append(now)

    def reset(self, now: float) -> float:
        """Seconds until the oldest request leaves the window."""
        return max(0.0, self._times[0] + self._seconds - now) if self._times else 0.0


@dataclass(frozen=True)
class _Pause:
    """What a 429 asked for: nothing until a moment, or nothing on that day any more."""

    begins: float
    ends: float
    day: str | None = None

    def over(self, now: float, day: str) -> bool:
        return now >= self.ends if self.day is None else day != self.day


class _Caller:
    """What is kept of one token."""

    def __init__(self, config: Config) -> None:
        self.all = _Window(config.burst, config.burst_window)
        self.searches = _Window(config.search_burst, config.burst_window)
        self.pause: _Pause | None = None
        self.refused_in_a_row = 0
        self.blocked_until = 0.0
        self.writes: Counter[str] = Counter()


class Limits:
    """Decides about each request before anything else happens to it, and counts."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.usage = Usage()
        self.log: deque[dict[str, Any]] = deque(maxlen=20_000)
        """The last requests in the order of their coming: method, path, query, user, fault, status (None: no reply)."""
        self.daily_tokens = config.daily_tokens
        self._config = config
        self._clock = clock
        self._callers: dict[str, _Caller] = {}

    def refuse(self, token: str, method: str, path: str) -> Response | None:
        """The refusal of a request, or None if it may pass; then it is counted and paid for."""
        now, day = time.monotonic(), self._clock.day()
        caller = self._callers.setdefault(token, _Caller(self._config))
        if caller.pause and caller.pause.over(now, day):
            caller.pause = None
        if caller.pause and caller.pause.begins <= now:
            self.usage.requests_during_pause += 1
        if now < caller.blocked_until:
            self.usage.blocked += 1
            return blocked()
        refusal = self._refusal(caller, now, day, method, path)
        if refusal is None:
            self._accept(caller, now, day, method, path)
            return None
        caller.refused_in_a_row += 1
        if caller.refused_in_a_row > self._config.blocked_after:
            caller.blocked_until = now + self._config.blocked_seconds
            caller.refused_in_a_row = 0
            self.usage.blocked += 1
            return blocked()
        return refusal

    def headers(self, token: str, *, by_api_token: bool) -> dict[str, str]:
        """The headers that every reply of the API has; x-ratelimit-reset is in seconds left."""
        now, day = time.monotonic(), self._clock.day()
        caller = self._callers.setdefault(token, _Caller(self._config))
        headers = {
            "x-ratelimit-limit": str(caller.all.most),
            "x-ratelimit-remaining": str(max(0, caller.all.left(now))),
            "x-ratelimit-reset": self._seconds(caller.all.reset(now)),
            "x-daily-ratelimit-token-limit": str(self.daily_tokens),
            "x-daily-ratelimit-token-remaining": str(max(0, self.daily_tokens - self.usage.tokens_by_day[day])),
        }
        if by_api_token:
            headers["x-daily-requests-left"] = str(max(0, 10_000 - caller.writes[day]))
        return headers

    def report(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {k: dict(sorted(v.items())) if isinstance(v, Counter) else v for k, v in vars(self.usage).items()}

    def _refusal(self, caller: _Caller, now: float, day: str, method: str, path: str) -> Response | None:
        spent = self.usage.tokens_by_day[day] + cost_of(method, path) > self.daily_tokens
        windows = [caller.all, caller.searches] if path.endswith("/persons/search") else [caller.all]
        full = next((window for window in windows if window.left(now) <= 0), None)
        if full is not None:
            self.usage.burst_exceeded += 1
            self.usage.search_burst_exceeded += full is caller.searches
            wait = full.reset(now)
            caller.pause = caller.pause or _Pause(now + self._config.pause_grace, now + wait)
            return simple(429, "request limit exceeded", {"x-ratelimit-reset": self._seconds(wait)})
        if spent:
            self.usage.daily_exceeded += 1
            if caller.pause is None or caller.pause.day is None:
                caller.pause = _Pause(now + self._config.pause_grace, math.inf, day)
            left = str(self._clock.seconds_to_midnight())
            return simple(429, "daily request budget exceeded", {"retry-after": left})
        return None

    def _accept(self, caller: _Caller, now: float, day: str, method: str, path: str) -> None:
        caller.refused_in_a_row = 0
        caller.all.add(now)
        if path.endswith("/persons/search"):
            caller.searches.add(now)
        usage = self.usage
        usage.most_in_window = max(usage.most_in_window, caller.all.most - caller.all.left(now))
        usage.accepted += 1
        usage.tokens_by_day[day] += cost_of(method, path)
        shown = re.sub(r"/\d+(?=/|$)", "/{id}", path)
        usage.calls_by_path[f"{method} {shown}"] += 1
        if method == "GET" and re.fullmatch(r"(/api/v2|/v1|/api/v1)/\w+(/archived)?", path):
            usage.list_calls_by_path[path] += 1
        if method != "GET":
            caller.writes[day] += 1

    def _seconds(self, value: float) -> str:
        """Whole seconds, as the real headers have; parts of one where a test's window is shorter than that."""
        return str(math.ceil(value)) if self._config.burst_window >= 1 else f"{value:.3f}"
