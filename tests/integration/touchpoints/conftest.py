"""Importing lists given as texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import counts, import_file

Import = Callable[[str, str], ImportRecord]


@pytest.fixture
def database(any_database: Database) -> Database:
    """A fresh database, on each server there is."""
    return any_database


@pytest.fixture
def settings(make_settings: Callable[..., Settings], database: Database) -> Settings:
    return make_settings(database=database)


@pytest.fixture
def bring(settings: Settings, database: Database, tmp_path: Path) -> Import:
    """Call it with a file name and its content: imported, and every row accounted for."""

    def bring(name: str, text: str) -> ImportRecord:
        path = tmp_path / name
        path.write_text(text)
        record = import_file(settings, database, path)
        assert record.status in ("COMPLETE", "DUPLICATE"), record.status_reason
        total, *parts = counts(record)
        assert record.status == "DUPLICATE" or sum(part or 0 for part in parts) == total
        return record

    return bring
