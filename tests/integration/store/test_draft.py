"""`make migration` drafts a revision only if tables.py moved on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cm_core.errors import UsageError
from cm_core.store import Database, migrations
from cm_core.store.migrations import draft


def test_nothing_is_drafted_when_tables_and_migrations_agree(any_database: Database) -> None:
    versions = Path(migrations.__file__).parent / "versions"
    before = sorted(versions.glob("*.py"))
    with pytest.raises(UsageError, match="nothing to draft"):
        draft(any_database, "nothing")
    assert sorted(versions.glob("*.py")) == before
