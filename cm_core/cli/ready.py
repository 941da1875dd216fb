"""What most commands begin with: the settings, and the database running and migrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cm_core.settings import Settings, get_settings

if TYPE_CHECKING:
    from cm_core.store import Database


def ready() -> tuple[Settings, Database]:
    """Settings, and the database running and migrated."""
    from cm_core.store import open_database
    from cm_core.store.migrations import upgrade

    settings = get_settings()
    database = open_database(settings)
    upgrade(database)
    return settings, database
