"""Staged lists put into the lake by hand, and the people they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People

OPT_OUT_SCHEMA = pa.schema(
    [
        ("import_id", pa.string()),
        ("row_number", pa.int64()),
        ("channel", pa.string()),
        ("phone_e164", pa.string()),
        ("email_key", pa.string()),
        ("opted_out_at", pa.timestamp("us")),
        ("reason", pa.string()),
        ("source", pa.string()),
    ]
)

_STAGED = """
update import_metadata
set
    status = 'STAGED', row_count = %s, error_count = 0, inserted_count = null, updated_count = null,
    skipped_count = null
where import_id = %s
"""

#: import_id, rows without import_id and row_number -> staged in the lake.
Stage = Callable[[str, list[dict[str, Any]]], None]


@pytest.fixture
def database(any_database: Database) -> Database:
    """A fresh database, on each server there is."""
    return any_database


@pytest.fixture
def settings(make_settings: Callable[..., Settings], database: Database) -> Settings:
    """Settings over it, with a lake of their own."""
    return make_settings(database=database)


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


@pytest.fixture
def stage_opt_outs(settings: Settings, people: People) -> Stage:
    return _stage(settings, people, "opt_outs.parquet", OPT_OUT_SCHEMA)


def _stage(settings: Settings, people: People, name: str, schema: pa.Schema) -> Stage:
    def stage(import_id: str, rows: list[dict[str, Any]]) -> None:
        people.an_import(import_id)
        people.run(_STAGED, (len(rows), import_id))
        full = [{"import_id": import_id, "row_number": n, **row} for n, row in enumerate(rows, start=1)]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(full, schema=schema), sink)
        lake(settings).put_bytes(sink.getvalue().to_pybytes(), f"staged/{import_id}/{name}")

    return stage
