"""Fixtures shared by all tests: one private server for the session, a fresh database for each test that wants one.

Set CM_TEST_MYSQL_URL (an account that may create databases) to run the `any_database` tests on that server too.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from cm_core.settings import Settings, get_settings
from cm_core.store import Database, DatabaseUrls, PrivateServer
from cm_core.store.database import parse_url
from cm_core.store.migrations import upgrade

MYSQL_URL = os.environ.get("CM_TEST_MYSQL_URL")

# Tests start many Pythons. Where none may keep what it compiled, each compiles Dagster anew: twice the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

DatabaseFactory = Callable[..., Database]
SettingsFactory = Callable[..., Settings]


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No CM_ setting of the shell reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("CM_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _settings_are_read_anew() -> None:
    """No test sees the settings that a command kept in an earlier test of the same process."""
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def fast_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for servers and homes of tests: in memory if there is room, since tables and runs wait for the disk.

    What a killed session left there is stopped and removed by the next.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 4 * 1024**3:
        yield tmp_path_factory.mktemp("servers")
        return
    # Two processes of one run begin at once: nobody may take a folder for stale that another is about to lock.
    with (memory / f"cm-tests-{os.geteuid()}.gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for stale in memory.glob("cm-tests-*/lock"):
            _remove_if_stale(stale)
        folder = Path(tempfile.mkdtemp(prefix="cm-tests-", dir=memory))
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_stale(lock_file: Path) -> None:
    with suppress(OSError), lock_file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its session lives
        for home in lock_file.parent.iterdir():
            if home.is_dir():
                PrivateServer(home).stop()
        shutil.rmtree(lock_file.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def server(fast_folder: Path) -> Iterator[DatabaseUrls]:
    """A private server for the whole session: the URLs of its writer and its reader."""
    private = PrivateServer(fast_folder / "session", buffer_pool="256M", redo_log="96M")
    try:
        yield private.ensure_running()
    finally:
        private.stop()


class _Databases:
    """Makes fresh databases on one server, quickly: one is migrated and kept, the others get its tables."""

    def __init__(self, url: sqlalchemy.URL) -> None:
        self._url = url
        self._tables: list[str] = []
        self._revision: str | None = None

    def make(self, *, migrated: bool = True) -> Database:
        model = self._model
        database = model.sibling(f"cm_test_{secrets.token_hex(5)}")
        with model.connect() as connection, connection.cursor() as cursor:
            # Not `ensure_ready`, which tries the name first and reads the system's certificates to make it.
            cursor.execute(f"create database `{database.name}` character set utf8mb4 collate utf8mb4_unicode_ci")
            if migrated:
                cursor.execute(f"use `{database.name}`")
                cursor.execute("set foreign_key_checks = 0")
                for statement in self._tables:
                    cursor.execute(statement)
                cursor.execute("insert into alembic_version values (%s)", (self._revision,))
                connection.commit()
        return database

    @cached_property
    def _model(self) -> Database:
        """The database that migrations made."""
        database = Database(self._url.set(database=f"cm_test_{secrets.token_hex(5)}"))
        database.ensure_ready()
        upgrade(database)
        self._remember(database)
        return database

    def close(self) -> None:
        """Drop what was kept."""
        if model := self.__dict__.pop("_model", None):
            self.drop(model)

    def drop(self, database: Database) -> None:
        database.close()
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"drop database `{database.name}`")

    def _remember(self, database: Database) -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("show tables")
            for (name,) in cursor.fetchall():
                cursor.execute(f"show create table `{name}`")
                row: Any = cursor.fetchone()
                self._tables.append(row[1])
            cursor.execute("select version_num from alembic_version")
            (self._revision,) = cursor.fetchone()  # type: ignore[misc]


@pytest.fixture(scope="session")
def give_parsed_dbt(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Call it with a home for the dbt project's manifest in it: parsed once for all homes and processes of a run."""
    from resources.dbt_project import manifest_path

    base = tmp_path_factory.getbasetemp()
    once = Settings(home=(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "parsed")

    def give(home: Path) -> None:
        manifest = manifest_path(once)
        shutil.copytree(manifest.parent, home / manifest.parent.relative_to(once.home_dir), dirs_exist_ok=True)

    return give


@pytest.fixture(scope="session")
def _mariadb_databases(server: DatabaseUrls) -> Iterator[_Databases]:
    databases = _Databases(server.writer)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def _mysql_databases() -> Iterator[_Databases | None]:
    databases = _Databases(parse_url(MYSQL_URL)) if MYSQL_URL else None
    yield databases
    if databases:
        databases.close()


@pytest.fixture
def make_database(_mariadb_databases: _Databases) -> Iterator[DatabaseFactory]:
    """Call it for a fresh, empty, migrated database on the session's server (`migrated=False`: without tables)."""
    made: list[Database] = []

    def make(*, migrated: bool = True) -> Database:
        made.append(_mariadb_databases.make(migrated=migrated))
        return made[-1]

    yield make
    for database in made:
        _mariadb_databases.drop(database)


@pytest.fixture
def database(make_database: DatabaseFactory) -> Database:
    """A fresh, empty, migrated database."""
    return make_database()


@pytest.fixture(params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)])
def make_any_database(request: pytest.FixtureRequest, _mysql_databases: _Databases | None) -> Iterator[DatabaseFactory]:
    """`make_database` on MariaDB, and again on the MySQL of CM_TEST_MYSQL_URL if that is set."""
    if request.param == "mysql" and _mysql_databases is None:
        pytest.skip("CM_TEST_MYSQL_URL is not set")
    databases: _Databases = (
        _mysql_databases
        if request.param == "mysql" and _mysql_databases is not None
        else request.getfixturevalue("_mariadb_databases")
    )
    made: list[Database] = []

    def make(*, migrated: bool = True) -> Database:
        made.append(databases.make(migrated=migrated))
        return made[-1]

    yield make
    for database in made:
        databases.drop(database)


@pytest.fixture
def any_database(make_any_database: DatabaseFactory) -> Database:
    """A fresh, empty, migrated database, on each server there is."""
    return make_any_database()


@pytest.fixture
def make_settings(fast_folder: Path, server: DatabaseUrls, make_database: DatabaseFactory) -> Iterator[SettingsFactory]:
    """Call it for settings with a home, landing zone and lake of their own and a fresh migrated database.

    Keyword arguments override fields; `database=` gives one that exists already. The homes go with the test.
    """
    homes: list[Path] = []

    def make(*, database: Database | None = None, **fields: Any) -> Settings:
        home = fast_folder / f"home-{secrets.token_hex(4)}"
        homes.append(home)
        used = database or make_database()
        values: dict[str, Any] = {
            "home": home,
            "database_url": used.url_text(hide_password=False),
            "database_readonly_url": Database(server.reader).sibling(used.name).url_text(hide_password=False),
            "landing_url": (home / "landing").as_uri(),
            "lake_url": (home / "lake").as_uri(),
            "compute_memory_limit": "1GB",
            "settle_seconds": 0.0,
        }
        return Settings(**{**values, **fields})

    yield make
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def settings(make_settings: SettingsFactory, database: Database) -> Settings:
    """Settings over the test's own `database`, with a temporary home, landing zone and lake."""
    return make_settings(database=database)
