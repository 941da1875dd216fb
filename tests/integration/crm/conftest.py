"""A Pipedrive for the tests of our side: one process for all; each test begins with an empty account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cm_core.crm import PipedriveClient, pipedrive
from cm_core.settings import Settings
from cm_core.store import Database
from tests.conftest import SettingsFactory
from tests.servers import PipedriveServer, running_pipedrive

from .killing import SMALL_PAGE

BURST = {"burst": 1000, "search_burst": 1000}


@pytest.fixture(scope="package")
def crm_server() -> Iterator[PipedriveServer]:
    with running_pipedrive(clock="2026-03-02T08:00:00Z", clock_rate=0.0, webhook_scale=0.001, **BURST) as running:
        yield running


@pytest.fixture
def crm(crm_server: PipedriveServer) -> PipedriveServer:
    """An empty account; its clock stands at 2026-03-02 08:00 UTC."""
    crm_server.reset()
    return crm_server


@pytest.fixture
def crm_settings(make_settings: SettingsFactory, database: Database, crm_server: PipedriveServer) -> Settings:
    """Settings for that account, with limits that keep nobody waiting."""
    return make_settings(
        database=database, pipedrive_url=crm_server.url, pipedrive_token=crm_server.token, pipedrive_burst=1000,
        pipedrive_daily_tokens=1_000_000, web_backoff_seconds=0.01, web_timeout_seconds=5,
    )  # fmt: skip


@pytest.fixture
def client(crm_settings: Settings, database: Database) -> Iterator[PipedriveClient]:
    with pipedrive(crm_settings, database, purpose="test", max_wait_s=5) as made:
        yield made


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of persons have eight to a page."""
    monkeypatch.setitem(PipedriveClient.list_persons.__kwdefaults__, "limit", SMALL_PAGE)


def landed(settings: Settings, source: str = "") -> dict[str, list[dict[str, Any]]]:
    """What is in the landing zone: file name -> its lines; only files whose name begins with `source`."""
    folder = Path(settings.landing.removeprefix("file://"))
    return {
        path.name: [json.loads(line) for line in path.read_text().split("\n") if line]
        for path in sorted(folder.rglob("*.jsonl"))
        if path.name.startswith(source)
    }


def rows(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())
