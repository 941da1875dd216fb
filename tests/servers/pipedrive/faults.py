"""Faults put in on purpose: a share of all requests, or the next ones to a path.

kinds: `500`, `503`, `timeout` (nothing is done and no reply comes), `slow` (done, the reply comes late), `torn` (done,
half of the reply comes), `drop_after_apply` (done, the connection is closed before the reply), `reset` (nothing is done
and the connection is closed). A fault of one request may also be any status.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FaultKind = Literal["500", "503", "timeout", "slow", "torn", "drop_after_apply", "reset", "status"]


class Settings(BaseModel):
    """POST /_control/faults: every setting anew; {} switches the faults off."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    rate: float = 0.0
    kinds: list[FaultKind] = ["500", "503", "timeout", "slow", "torn", "drop_after_apply"]
    seed: int = 0
    methods: list[str] = []
    path: str = ""
    """Only requests whose path has this regular expression in it."""
    slow_seconds: float = 0.2
    hang_seconds: float = 30.0


class Once(BaseModel):
    """POST /_control/faults/once: what becomes of the next `times` such requests, after `skip` that pass."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    kind: FaultKind = "status"
    path: str = ""
    method: str = ""
    status: int = 500
    times: int = 1
    skip: int = 0
    body: str | None = None
    """Body of a `status` fault; None: as the API has it."""
    headers: dict[str, str] = {}


class Faults:
    """Decides for each accepted request whether something goes wrong."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.counts: Counter[str] = Counter()
        self._once: list[Once] = []
        self._random = random.Random(0)

    def set(self, settings: Settings) -> None:
        """Take these settings; those put in once stay."""
        self.settings, self._random = settings, random.Random(settings.seed)

    def add(self, once: Once) -> None:
        """Put a fault in for the next requests of a kind."""
        self._once.append(once.model_copy())

    def clear(self) -> None:
        """No faults any more."""
        self.settings, self._once = Settings(), []

    def draw(self, method: str, path: str) -> Once | None:
        """The fault of this request, counted; None if all goes well."""
        fault = self._planned(method, path) or self._drawn(method, path)
        if fault is not None:
            self.counts[fault.kind if fault.kind != "status" else str(fault.status)] += 1
        return fault

    def report(self) -> dict[str, Any]:
        """How often each kind happened and what is waiting."""
        return {"injected": dict(sorted(self.counts.items())), "waiting": [once.model_dump() for once in self._once]}

    def _planned(self, method: str, path: str) -> Once | None:
        for once in self._once:
            if once.method not in ("", method) or not re.search(once.path, path):
                continue
            if once.skip:
                once.skip -= 1
                continue
            once.times -= 1
            if not once.times:
                self._once.remove(once)
            return once
        return None

    def _drawn(self, method: str, path: str) -> Once | None:
        settings = self.settings
        if not settings.rate or (settings.methods and method not in settings.methods):
            return None
        if not re.search(settings.path, path) or self._random.random() >= settings.rate:
            return None
        kind = self._random.choice(settings.kinds)
        return Once(kind="status", status=int(kind)) if kind in ("500", "503") else Once(kind=kind)
