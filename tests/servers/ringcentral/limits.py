"""The limits: so many requests of a group in any window, and a penalty that every request during it begins anew."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from typing import Any

from tests.servers.ringcentral.config import GROUPS, Config


class Limits:
    """Counts what clients do. The window slides: who obeys it obeys a fixed one too."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._times: dict[str, deque[float]] = {group: deque() for group in GROUPS}
        self._penalty_until: dict[str, float] = dict.fromkeys(GROUPS, 0.0)
        self._requests: Counter[str] = Counter()
        self._exceeded: Counter[str] = Counter()
        self._in_penalty: Counter[str] = Counter()
        self._busiest: Counter[str] = Counter()

    def take(self, group: str) -> tuple[bool, dict[str, str]]:
        """Whether a request may pass, and the headers of its answer."""
        now, limit, window = time.monotonic(), self._config.limit(group), self._config.window
        times = self._times[group]
        while times and times[0] <= now - window:
            times.popleft()
        self._requests[group] += 1
        allowed = True
        if now < self._penalty_until[group]:
            self._in_penalty[group] += 1
            allowed = False
        elif len(times) >= limit:
            self._exceeded[group] += 1
            allowed = False
        if allowed:
            times.append(now)
            self._busiest[group] = max(self._busiest[group], len(times))
        else:
            self._penalty_until[group] = now + self._config.penalty
        headers = {
            "X-Rate-Limit-Group": group,
            "X-Rate-Limit-Limit": str(limit),
            "X-Rate-Limit-Remaining": str(limit - len(times) if allowed else 0),
            "X-Rate-Limit-Window": f"{window:g}",
        }
        if not allowed and self._config.retry_after:
            headers["Retry-After"] = str(math.ceil(self._config.penalty))
        return allowed, headers

    def usage(self) -> dict[str, Any]:
        """What was counted since the start or the last reset."""
        return {
            "requests": dict(self._requests),
            "exceeded": self._exceeded.total(),
            "exceeded_by_group": dict(self._exceeded),
            "requests_in_penalty": self._in_penalty.total(),
            "busiest_window": dict(self._busiest),
        }

    def reset(self) -> None:
        """Count from nought, with no penalty."""
        self.__init__(self._config)  # type: ignore[misc]
