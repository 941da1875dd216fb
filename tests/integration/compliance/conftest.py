"""A database with the canonical tables, and staged lists put into the lake by hand."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer, open_database
from cm_core.store.migrations import upgrade
from tests.integration.dbt.people import People

TABLES = ("opt_outs", "dnc_registry", "import_audit_log", "phone_numbers", "email_addresses", "persons")

DNC_SCHEMA = pa.schema(
    [
        ("import_id", pa.string()),
        ("row_number", pa.int64()),
        ("phone_e164", pa.string()),
        ("listing_date", pa.date32()),
        ("source", pa.string()),
    ]
)
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

#: import_id, rows without import_id and row_number -> staged in the lake.
Stage = Callable[[str, list[dict[str, Any]]], None]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of its own; CM_TEST_DATABASE_URL names another server than the private one (a fresh database there)."""
    url = os.environ.get("CM_TEST_DATABASE_URL")
    name = f"cm_lists_{uuid.uuid4().hex[:10]}"
    return Settings(
        home=tmp_path_factory.mktemp("home"), database_url=SecretStr(f"{url.rstrip('/')}/{name}") if url else None
    )


@pytest.fixture(scope="module")
def _database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings)
    upgrade(database)
    yield database
    if settings.database_url is None:
        PrivateServer(settings.home_dir).stop()
        return
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"drop database `{database.name}`")


@pytest.fixture
def database(_database: Database) -> Database:
    """The database, emptied."""
    with _database.connect() as connection:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"delete from {table}")
        connection.commit()
    return _database


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


@pytest.fixture
def stage_dnc(settings: Settings, people: People) -> Stage:
    return _stage(settings, people, "dnc.parquet", DNC_SCHEMA)


@pytest.fixture
def stage_opt_outs(settings: Settings, people: People) -> Stage:
    return _stage(settings, people, "opt_outs.parquet", OPT_OUT_SCHEMA)


def _stage(settings: Settings, people: People, name: str, schema: pa.Schema) -> Stage:
    def stage(import_id: str, rows: list[dict[str, Any]]) -> None:
        people.an_import(import_id)
        full = [{"import_id": import_id, "row_number": n, **row} for n, row in enumerate(rows, start=1)]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(full, schema=schema), sink)
        lake(settings).put_bytes(sink.getvalue().to_pybytes(), f"staged/{import_id}/{name}")

    return stage
