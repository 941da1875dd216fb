"""A RingCentral of our own: login, call log, texts and consents, with its limits, its errors and its faults.

`with running_ringcentral(heavy=10, window=0.5) as ringcentral:` runs it as a process of its own on loopback. What the
API does is in the modules of its parts; what a test can tell it is in `control.py`, and here as methods.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

Record = dict[str, Any]
_ROOT = Path(__file__).resolve().parents[3]


class RingCentral:
    """A running server: `url` for the client under test, methods for what is told to it or asked of it."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid
        self._http = httpx.Client(base_url=f"{url}/_control", timeout=120, trust_env=False)

    def close(self) -> None:
        """Close the control connection."""
        self._http.close()

    def usage(self) -> Record:
        """The server's own count."""
        return self._ask("GET", "/usage")

    def reset_usage(self) -> None:
        """Count from nought."""
        self._ask("POST", "/usage/reset")

    def requests(self) -> list[Record]:
        """The last requests of the API."""
        return list(self._ask("GET", "/requests")["requests"])

    def set_clock(self, now: str | None, *, ticking: bool = True) -> None:
        """The time of the data; None is real time."""
        self._ask("POST", "/clock", {"now": now, "ticking": ticking})

    def advance(self, seconds: float) -> None:
        """Set the clock forward."""
        self._ask("POST", "/clock", {"advance": seconds})

    def configure(self, **values: Any) -> None:
        """Settings of `config.py`."""
        self._ask("POST", "/config", values)

    def permit(self, **values: list[str]) -> None:
        """What app and user may; without arguments everything."""
        self._ask("POST", "/permissions", values)

    def set_faults(self, rate: float, *, seed: int = 0, kinds: Iterable[Any] = ()) -> None:
        """A share of requests goes wrong from now on."""
        self._ask("POST", "/faults", {"rate": rate, "seed": seed, "kinds": list(kinds)})

    def fault(self, fault: Any, path: str = "", *, times: int = 1, skip: int = 0) -> None:
        """The next requests of a path go wrong."""
        self._ask("POST", "/faults/next", {"fault": fault, "path": path, "times": times, "skip": skip})

    def clear_faults(self) -> None:
        """Nothing goes wrong any more."""
        self._ask("DELETE", "/faults")

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Access tokens are expired; refresh tokens too, if wanted."""
        self._ask("POST", "/tokens/expire", {"refresh": refresh})

    def reset_syncs(self) -> None:
        """Sync tokens are good no more."""
        self._ask("POST", "/syncs/reset")

    def add_calls(self, records: Iterable[Record]) -> list[str]:
        """Add calls; what is not given is filled in. Their ids."""
        return list(self._ask("POST", "/calls", {"records": list(records)})["ids"])

    def generate_calls(self, count: int, first: str, until: str, **options: Any) -> None:
        """Add what `generate.calls` makes, without sending it over."""
        self._ask("POST", "/calls/generate", {"count": count, "first": first, "until": until, **options})

    def change_call(self, call_id: str, **values: Any) -> Record:
        """Change a call now."""
        return self._ask("PATCH", f"/calls/{call_id}", values)

    def calls(self) -> list[Record]:
        """Every call, visible or not."""
        return list(self._ask("GET", "/calls")["records"])

    def clear_calls(self) -> None:
        """Forget all calls."""
        self._ask("DELETE", "/calls")

    def add_messages(self, records: Iterable[Record]) -> list[int]:
        """Add messages; what is not given is filled in. Their ids."""
        return list(self._ask("POST", "/messages", {"records": list(records)})["ids"])

    def change_message(self, message_id: int, **values: Any) -> Record:
        """Change a message now."""
        return self._ask("PATCH", f"/messages/{message_id}", values)

    def clear_messages(self) -> None:
        """Forget all messages; consents stay."""
        self._ask("DELETE", "/messages")

    def add_consents(self, records: Iterable[Record]) -> None:
        """Add records of consent."""
        self._ask("POST", "/consents", {"records": list(records)})

    def clear_consents(self) -> None:
        """Forget all records of consent."""
        self._ask("DELETE", "/consents")

    def _ask(self, method: str, path: str, body: Record | None = None) -> Record:
        answer = self._http.request(method, path, json=body if method not in ("GET", "DELETE") else None)
        if answer.is_error:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return dict(answer.json()) if answer.content else {}


@contextmanager
def running_ringcentral(**settings: Any) -> Iterator[RingCentral]:
    """A server in a process of its own, with settings of `config.py` (`heavy=10, window=0.5`)."""
    options = [f"--{name.replace('_', '-')}={str(value).lower() if isinstance(value, bool) else value}"
               for name, value in settings.items()]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "tests.servers.ringcentral", "--port=0", f"--port-file={port_file}", *options]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL)
        try:
            ringcentral = RingCentral(f"http://127.0.0.1:{_port(process, port_file)}", process.pid)
            try:
                yield ringcentral
            finally:
                ringcentral.close()
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], port_file: Path) -> int:
    give_up = time.monotonic() + 60
    while not port_file.exists():
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode}; what it said is above.")
        if time.monotonic() > give_up:
            raise RuntimeError("The server has not begun to listen within a minute.")
        time.sleep(0.02)
    return int(port_file.read_text())
