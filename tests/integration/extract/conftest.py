"""A legacy database on the real server, and an account that may only read it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pytest

from cm_core.extract import Plan, Source, extract_slice, make_plan, open_source
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database, DatabaseUrls

Run = Callable[..., list[Any]]
SettingsFactory = Callable[..., Settings]


@pytest.fixture
def legacy(make_any_database: Callable[..., Database]) -> Database:
    """An empty database in the place of the legacy one."""
    return make_any_database(migrated=False)


@pytest.fixture
def run(legacy: Database) -> Run:
    """Run statements on the legacy database, as its owner; returns the last one's rows."""

    def execute(*statements: str, values: Sequence[Any] = ()) -> list[Any]:
        with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("set session sql_mode = '', foreign_key_checks = 0")
            for statement in statements:
                cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    return execute


@pytest.fixture
def legacy_settings(
    legacy: Database, server: DatabaseUrls, run: Run, make_settings: SettingsFactory, database: Database
) -> Iterator[SettingsFactory]:
    """Settings whose legacy database is read by an account with SELECT and nothing else."""
    reader, made = server.reader, None
    if (legacy.url.host, legacy.url.port) != (server.writer.host, server.writer.port):  # the server of make test-mysql
        made, password = f"r{secrets.token_hex(4)}", secrets.token_hex(8)
        run(
            f"create user '{made}'@'%' identified by '{password}'", f"grant select on `{legacy.name}`.* to '{made}'@'%'"
        )
        reader = legacy.url.set(username=made, password=password)
    url = Database(reader).sibling(legacy.name).url_text(hide_password=False)

    def make(**fields: Any) -> Settings:
        return make_settings(database=database, **{"legacy_database_url": url, "legacy_tables": "people", **fields})

    yield make
    if made:
        run(f"drop user '{made}'@'%'")


@pytest.fixture
def source(legacy_settings: SettingsFactory) -> Source:
    return open_source(legacy_settings())


def plan_for(settings: Settings, database: Database, table: str = "people") -> Plan:
    """The table's plan."""
    return make_plan(settings, database, open_source(settings), table, "legacy_contacts")


def land(settings: Settings, database: Database, table: str = "people") -> Plan:
    """Extract all slices of the table in this process."""
    plan = plan_for(settings, database, table)
    for one in plan.slices:
        extract_slice(settings, database, open_source(settings), plan, one.number)
    return plan


def landed(settings: Settings, columns: str = "*", order: str = "1") -> list[tuple[Any, ...]]:
    """Rows of all Parquet files of the landing zone."""
    folder = landing_zone(settings).local_path("legacy")
    assert folder is not None
    files = sorted(map(str, folder.rglob("*.parquet")))
    if not files:
        return []
    with duckdb.connect() as con:
        return con.execute(f"select {columns} from read_parquet(?) order by {order}", [files]).fetchall()
