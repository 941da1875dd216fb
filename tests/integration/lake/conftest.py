"""An S3 server over HTTP (moto), a bucket of one's own on it, and one that fails on demand."""

from __future__ import annotations

import http.client
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cm_core.settings import Settings


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of an S3 server; the process's AWS credentials are those of nobody."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def client(s3_endpoint: str) -> Any:
    """boto3's S3 client: a second pair of eyes."""
    return boto3.client("s3", endpoint_url=s3_endpoint)


@pytest.fixture
def bucket(client: Any) -> str:
    """An empty bucket."""
    name = f"cm-{secrets.token_hex(6)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_settings(make_settings: Callable[..., Settings], s3_endpoint: str, bucket: str) -> Settings:
    """Settings whose landing zone and lake are prefixes of the bucket."""
    return make_settings(
        landing_url=f"s3://{bucket}/landing", lake_url=f"s3://{bucket}/the lake", s3_endpoint_url=s3_endpoint
    )


@dataclass
class Flaky:
    """A door to the S3 server that answers the next `failures` requests with `status`, and counts all of them."""

    url: str = ""
    status: int = 503
    failures: int = 0
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def flaky(s3_endpoint: str) -> Iterator[Flaky]:
    """The S3 server, seen through a line that can be made to fail."""
    door = Flaky()
    target = s3_endpoint.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            door.requests.append(self.command)
            if door.failures > 0:
                door.failures -= 1
                self._answer(door.status, [], b"<Error><Code>SlowDown</Code></Error>")
                return
            upstream = http.client.HTTPConnection(target, timeout=10)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
            self._answer(answer.status, answer.getheaders(), content, length)
            upstream.close()

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

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    door.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield door
    server.shutdown()
    server.server_close()
