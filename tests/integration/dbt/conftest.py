"""A database with the canonical tables, people in it, and dbt run over them. Cases are in the test modules."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cm_core.settings import Settings
from cm_core.store import Database, open_database
from cm_core.store.migrations import upgrade
from resources.dbt import dbt_environment, project_dir, state_dir
from tests.integration.dbt.people import People

#: dbt arguments -> the finished process.
Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of its own; CM_TEST_DATABASE_URL names another server than the private one (a fresh database there)."""
    home = tmp_path_factory.mktemp("home")
    url = os.environ.get("CM_TEST_DATABASE_URL")
    name = f"cm_dbt_{uuid.uuid4().hex[:10]}"
    return Settings(home=home, database_url=SecretStr(f"{url.rstrip('/')}/{name}") if url else None)


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    """An empty database with all tables; gone afterwards."""
    database = open_database(settings)
    upgrade(database)
    yield database
    if settings.database_url is not None:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"drop database `{database.name}`")
    else:
        from cm_core.store import PrivateServer

        PrivateServer(settings.home_dir).stop()


@pytest.fixture(scope="module")
def build(settings: Settings, database: Database) -> Build:
    """Run dbt as the graph does, by the same environment."""

    def run(*arguments: str, command: str = "build") -> subprocess.CompletedProcess[str]:
        executable = Path(sys.executable).with_name("dbt")
        done = subprocess.run(
            [str(executable), "--no-use-colors", command, *arguments, "--project-dir", str(project_dir())],
            env={**os.environ, **dbt_environment(settings, database)},
            cwd=settings.home_dir,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert state_dir(settings).exists()
        return done

    return run


@pytest.fixture(scope="module")
def people(database: Database) -> People:
    return People(database)
