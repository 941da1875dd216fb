"""A server in a process of its own, for tests: it outlives clients that are killed, and ends with the test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.servers.pipedrive.config import Config, flags

_ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 60.0


@dataclass(frozen=True)
class PipedriveServer:
    """Where the server is and how to steer it."""

    url: str
    token: str
    pid: int
    http: httpx.Client

    def control(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """Call a control endpoint (`clock`, `persons/7`, ...): POST with a body, else GET. Returns its JSON."""
        verb = method or ("GET" if body is None else "POST")
        reply = self.http.request(verb, f"/_control/{path}", json=body)
        if reply.is_error:
            raise AssertionError(f"{verb} /_control/{path}: {reply.status_code} {reply.text}")
        return reply.json()

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request of the API with user 1's token."""
        headers = {"x-api-token": self.token} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def reset(self, **changes: Any) -> None:
        """Begin anew, with these settings changed from those the server was started with."""
        self.control("reset", changes)

    def usage(self) -> dict[str, Any]:
        """What the server counted (see limits.Usage), with the faults it put in and the counts of webhooks."""
        return dict(self.control("usage"))

    def log(self) -> list[dict[str, Any]]:
        """The last 20 000 requests in order: method, path, query, user_id, fault, status (None: no reply)."""
        return list(self.control("log"))

    def clock(self, now: str | None = None, **tick: Any) -> str:
        """Set the clock (now, advance_seconds, rate) and return its time."""
        return str(self.control("clock", ({"now": now} if now else {}) | tick)["now"])

    def load(self, persons: list[dict[str, Any]] | None = None, **options: Any) -> dict[str, Any]:
        """Put persons there at once (`count=100_000` invents them)."""
        return dict(self.control("load", ({"persons": persons} if persons is not None else {}) | options))

    def faults(self, **settings: Any) -> None:
        """Let a share of the requests fail; without settings none does any more."""
        self.control("faults", settings)

    def once(self, kind: str | int, path: str = "", **options: Any) -> None:
        """Let the next request to a path fail: a kind of fault or a status."""
        what = {"kind": "status", "status": kind} if isinstance(kind, int) else {"kind": kind}
        self.control("faults/once", {**what, "path": path, **options})

    def edit(self, person_id: int, **changes: Any) -> dict[str, Any]:
        """Change a person as user 2 does in the app; `user_id` and `change_source` say otherwise."""
        return dict(self.control(f"persons/{person_id}", changes))

    def person(self, person_id: int) -> dict[str, Any]:
        """A person as it is, deleted or not."""
        return dict(self.control(f"persons/{person_id}"))


@contextmanager
def running_pipedrive(**settings: Any) -> Iterator[PipedriveServer]:
    """A server with these settings (fields of Config) on a free port of this machine, until the block ends."""
    # Settings that are no fields of Config fail here, not in the process.
    config = Config().replace(settings)
    with tempfile.TemporaryDirectory(prefix="pipedrive-") as folder:
        port_file, log = Path(folder, "port"), Path(folder, "log")
        command = [sys.executable, "-m", "tests.servers.pipedrive", "--port-file", str(port_file)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--until-pid", str(os.getpid()), *flags(settings)],
                cwd=_ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{_port(process, port_file, log)}"
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
                yield PipedriveServer(url, config.token, process.pid, http)
        finally:
            # It has nothing to save.
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], port_file: Path, log: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Pipedrive server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
    return int(port_file.read_text())
