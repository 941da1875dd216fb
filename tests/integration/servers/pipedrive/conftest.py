"""One server for the tests of it; each begins with an empty account and the settings it asks for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.servers import PipedriveServer, running_pipedrive


@pytest.fixture(scope="package")
def server() -> Iterator[PipedriveServer]:
    bursts = {"burst": 1000, "search_burst": 1000}
    with running_pipedrive(clock="2026-03-02T08:00:00Z", clock_rate=0.0, webhook_scale=0.001, **bursts) as running:
        yield running


@pytest.fixture
def crm(server: PipedriveServer) -> PipedriveServer:
    """An empty account; its clock stands at 2026-03-02 08:00 UTC."""
    server.reset()
    return server


class Receiver:
    """An endpoint for webhooks: keeps what came and answers with the next of `statuses` (the last one again)."""

    def __init__(self) -> None:
        self.got: list[tuple[str | None, dict[str, Any]]] = []
        self.statuses = [200]
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.headers["authorization"], json.loads(body)))
                many = len(receiver.statuses) > 1
                self.send_response(receiver.statuses.pop(0) if many else receiver.statuses[0])
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def events(self) -> list[dict[str, Any]]:
        """The payloads in the order of their coming."""
        return [payload for _, payload in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so; ten seconds at most."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "did not happen"
            time.sleep(0.01)

    return wait
