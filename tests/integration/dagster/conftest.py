"""Files and rows for tests of the graph over a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from cm_core.imports import registry
from cm_core.imports.records import HOLD
from cm_core.settings import Settings
from cm_core.store import Database

PEOPLE = """First Name,Last Name,Email,Phone,Address,City,State,Zip
John,Smith,john@example.com,405-555-2345,1 Main St,Norman,OK,73069
Mary,Jones,mary@@bad,405-321-4567,2 Oak Ave,Norman,OK,73069
Bob,Brown,bob@example.com,,3 Elm St,Tulsa,OK,74103
"""

Register = Callable[..., str]


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
