"""Files and rows for tests of the graph over a real database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy.pool import NullPool

from cm_core.imports import registry
from cm_core.imports.records import HOLD
from cm_core.settings import Settings
from cm_core.store import Database
from tests.conftest import SettingsFactory

PEOPLE = """First Name,Last Name,Email,Phone,Address,City,State,Zip
John,Smith,john@example.com,405-555-2345,1 Main St,Norman,OK,73069
Mary,Jones,mary@@bad,405-321-4567,2 Oak Ave,Norman,OK,73069
Bob,Brown,bob@example.com,,3 Elm St,Tulsa,OK,74103
"""

Register = Callable[..., str]


@pytest.fixture(scope="package", autouse=True)
def _engines_are_kept() -> Iterator[None]:
    """One SQLAlchemy engine per event log instead of one per statement, each of which compiles all SQL anew.

    Without a pool an engine keeps no connection, so that nothing else changes; it takes a quarter off a run.
    """
    create = sqlite_event_log.create_engine
    kept = lru_cache(maxsize=32)(
        lambda url, timeout: create(url, poolclass=NullPool, connect_args={"timeout": timeout})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sqlite_event_log, "create_engine", lambda url, *, poolclass, connect_args: kept(url, **connect_args)
        )
        yield


@pytest.fixture(scope="session")
def _fresh_instance(fast_folder: Path) -> Path:
    """The folder of an instance in which nothing has happened."""
    from cm_assets.launch import open_instance

    settings = Settings(home=fast_folder / "instance")
    with open_instance(settings) as opened:
        opened.all_instigator_state()
    return settings.dagster_home


@pytest.fixture
def make_settings(make_settings: SettingsFactory, _fresh_instance: Path) -> SettingsFactory:
    """The usual one; each home has a copy of an instance that took a quarter of a second to make."""

    def make(**fields: object) -> Settings:
        made = make_settings(**fields)
        shutil.copytree(_fresh_instance, made.dagster_home)
        return made

    return make


@pytest.fixture
def register(settings: Settings, database: Database, tmp_path: Path) -> Iterator[Register]:
    """Register a file of this text as an import; returns its id. The test's process holds it, as `cm ingest` would."""
    made: list[str] = []

    def register_text(text: str = PEOPLE, *, name: str = "people.csv", feed: str | None = None) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        made.append(registry.register_file(settings, database, path, feed=feed).import_id)
        return made[-1]

    yield register_text
    for import_id in made:
        HOLD.release(import_id)


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance under the settings' home, as the command line opens it."""
    from cm_assets.launch import open_instance

    with open_instance(settings) as opened:
        yield opened
