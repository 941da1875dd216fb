"""A door to an S3 server that fails as lines and servers do: errors, resets, stalls, and answers that break off."""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

#: An HTTP status that the server never sees the request for; the connection reset before or after the server did its
#: work; no answer; the answer without its second half, though its length was announced; the same with the length of
#: what comes, so that nothing but the object's size can show it.
Kind = int | Literal["reset", "reset after", "stall", "torn", "short"]


@dataclass
class Fault:
    """What happens to the next `times` requests of these methods whose path matches."""

    kind: Kind
    times: int = 1
    methods: tuple[str, ...] = ()
    path: str = ""

    def is_for(self, method: str, path: str) -> bool:
        return (
            self.times > 0 and (not self.methods or method in self.methods) and re.search(self.path, path) is not None
        )


@dataclass
class Door:
    """The door. `requests` are those that came, `failed` those that met a fault."""

    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[Kind, str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    chance: random.Random | None = None
    odds: float = 0.0
    kinds: tuple[Kind, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def methods(self) -> list[str]:
        """Methods of the requests that came."""
        return [method for method, _ in self.requests]

    def fail(self, kind: Kind, times: int = 1, *methods: str, path: str = "") -> None:
        """Let the next requests fail."""
        self.faults.append(Fault(kind, times, methods, path))

    def fail_by_chance(self, seed: int, odds: float, *kinds: Kind) -> None:
        """Let requests fail with these odds, from now on."""
        self.chance, self.odds, self.kinds = random.Random(seed), odds, kinds

    def mend(self) -> None:
        """No more faults; forget what came."""
        self.faults.clear()
        self.requests.clear()
        self.failed.clear()
        self.chance = None

    def fate(self, method: str, path: str) -> Kind | None:
        """What is to happen to this request."""
        with self._lock:
            self.requests.append((method, path))
            fault = next((fault for fault in self.faults if fault.is_for(method, path)), None)
            kind: Kind | None = None
            if fault is not None:
                fault.times -= 1
                kind = fault.kind
            elif self.chance is not None and self.chance.random() < self.odds:
                kind = self.chance.choice(self.kinds)
            if kind is not None:
                self.failed.append((kind, method, path))
            return kind


@contextmanager
def faulty_door(endpoint: str) -> Iterator[Door]:
    """The S3 server at `endpoint`, seen through a line that can be made to fail."""
    door, target, closing = Door(), endpoint.removeprefix("http://"), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = door.fate(self.command, self.path)
            if kind == "stall":
                closing.wait(60)
            if kind in ("reset", "stall"):
                self._reset()
                return
            if isinstance(kind, int):
                self._answer(kind, [], b"<Error><Code>Injected</Code><Message>on purpose</Message></Error>")
                return
            upstream = http.client.HTTPConnection(target, timeout=30)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            if kind == "reset after" or (kind in ("torn", "short") and not content):
                self._reset()
                return
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else str(len(content))
            if kind in ("torn", "short"):
                content = content[: len(content) // 2]
                length = length if kind == "torn" else str(len(content))
            self._answer(answer.status, answer.getheaders(), content, length)
            if kind == "torn":
                self._end()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on

        def _answer(
            self, status: int, headers: list[tuple[str, str]], content: bytes, length: str | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _reset(self) -> None:
            """Close the connection with a RST."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
            self.close_connection = True
            self.wfile = _Nowhere()  # type: ignore[assignment]

        def _end(self) -> None:
            """Close the connection in good order, in the middle of an answer."""
            self.wfile.flush()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    door.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield door
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


class _Nowhere:
    """In place of a file that is closed already."""

    closed = True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
