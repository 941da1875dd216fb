"""An S3 server over HTTP (moto), a bucket of one's own on it, and a door to it that fails on demand."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cm_core.lake import objects
from cm_core.settings import Settings

from .faults import Door, faulty_door


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


@pytest.fixture
def door(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The S3 server, seen through a line that can be made to fail; pauses between tries are short."""
    monkeypatch.setattr(objects, "_PAUSES", (0.01, 0.1))
    with faulty_door(s3_endpoint) as found:
        yield found
