"""Small lists brought in by the real import, for the tests of this folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cm_core import upsert
from cm_core.imports import pipeline, records, registry
from cm_core.settings import Settings
from cm_core.store import Database

HEADER = (
    "First Name", "Last Name", "Suffix", "Company", "Phone", "Email", "Address", "City", "State", "Zip",
    "Date of Birth", "Updated",
)  # fmt: skip
PLACE = ("1098 Shepard Hills Rd", "Sulphur", "OK", "73086")


def row(first: str, last: str, **cells: Any) -> tuple[str, ...]:
    street, city, state, code = cells.get("place", PLACE)
    return (
        first, last, cells.get("suffix", ""), cells.get("company", ""), cells.get("phone", ""), cells.get("email", ""),
        street, city, state, code, cells.get("born", ""), cells.get("updated", "2025-01-01"),
    )  # fmt: skip


def load(settings: Settings, database: Database, path: Path, rows: Sequence[tuple[str, ...]], day: int = 1) -> str:
    """Import the rows as a file of that day; the import's id."""
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([HEADER, *rows])
    return bring_in(settings, database, path, day)


def bring_in(settings: Settings, database: Database, path: Path, day: int) -> str:
    """Import a file of that day; the import's id."""
    os.utime(path, (1_772_323_200 + day * 86_400,) * 2)
    import_id = registry.register_file(settings, database, path).import_id
    pipeline.check_raw(settings, database, import_id)
    pipeline.stage(settings, database, import_id)
    upsert.apply(settings, database, import_id)
    records.HOLD.release(import_id)
    return import_id


def ask(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
