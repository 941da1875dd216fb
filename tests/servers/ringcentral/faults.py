"""Faults: a share of the requests, drawn with a seed, and single ones for a path.

A fault is `{"kind": ..., ...}`:

- `status`: `status` (500), `code` and `message` of the body, or a `body` of text (`html`), `headers`
- `slow`: the answer comes `seconds` late; `timeout`: it comes after `seconds` (30), when nobody waits any more
- `torn`: the body breaks off and the connection is closed
- `late`: like `status`, but what was asked for has been done

Names for what is common: `500`, `503`, `403_html`, `429` (a CMN-301 that no limit was the reason of), `429_as_200`
(CMN-301 with HTTP 200), `302`, `303`, `304`, `310` (those of 429), `slow`, `timeout`, `torn`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.servers.ringcentral.errors import rate_exceeded

_HTML = "<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Error 1020</h1></body></html>"


def _rate(code: str, status: int = 429) -> dict[str, Any]:
    return {"kind": "status", "status": status, "json": rate_exceeded(code).body}


NAMED: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500, "code": "CMN-203", "message": "Internal Server Error"},
    "503": {"kind": "status", "status": 503, "code": "CMN-201", "message": "Service Temporary Unavailable"},
    "403_html": {"kind": "status", "status": 403, "body": _HTML},
    "502_html": {"kind": "status", "status": 502, "body": _HTML},
    "429": _rate("CMN-301"),
    "429_as_200": _rate("CMN-301", 200),
    "302": _rate("CMN-302"),
    "303": _rate("CMN-303"),
    "304": _rate("CMN-304"),
    "310": _rate("CMN-310"),
    "slow": {"kind": "slow", "seconds": 0.2},
    "timeout": {"kind": "timeout", "seconds": 30.0},
    "torn": {"kind": "torn"},
}


@dataclass
class OneShot:
    """A fault for requests whose path holds `path`, `skip` of them later, `times` times."""

    fault: dict[str, Any]
    path: str = ""
    times: int = 1
    skip: int = 0


@dataclass
class Faults:
    """What goes wrong, and how often it did."""

    rate: float = 0.0
    kinds: list[dict[str, Any]] = field(default_factory=list)
    one_shots: list[OneShot] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def set_rate(self, rate: float, seed: int, kinds: list[Any]) -> None:
        """A share of all requests from now on; 0 ends it."""
        self.rate, self._random = rate, random.Random(seed)
        self.kinds = [named(kind) for kind in kinds or ("500", "503", "slow", "torn")]

    def add(self, fault: Any, path: str, times: int, skip: int) -> None:
        """A fault for the next requests of a path."""
        self.one_shots.append(OneShot(named(fault), path, times, skip))

    def draw(self, path: str) -> dict[str, Any] | None:
        """What becomes of a request, if anything."""
        fault = self._one_shot(path)
        if fault is None and self.rate and self._random.random() < self.rate:
            fault = self._random.choice(self.kinds)
        if fault is not None:
            has_status = fault["kind"] in ("status", "late")
            self.happened[f"{fault['kind']} {fault['status']}" if has_status else fault["kind"]] += 1
        return fault

    def _one_shot(self, path: str) -> dict[str, Any] | None:
        for shot in self.one_shots:
            if shot.path not in path:
                continue
            if shot.skip:
                shot.skip -= 1
                continue
            shot.times -= 1
            if not shot.times:
                self.one_shots.remove(shot)
            return shot.fault
        return None


def named(fault: Any) -> dict[str, Any]:
    """The fault that a name stands for; a mapping may begin from one: `{"name": "503", "headers": {...}}`."""
    if isinstance(fault, dict):
        rest = {key: value for key, value in fault.items() if key != "name"}
        return {**NAMED[str(fault["name"])], **rest} if "name" in fault else {"kind": "status", "status": 500, **rest}
    return NAMED[str(fault)]
