"""A database with the canonical tables, people in it, and dbt run over them, by the graph or by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from cm_assets.compliance import build_dbt_assets
from cm_core.settings import Settings, get_settings
from cm_core.store import Database
from resources.dbt_project import dbt_environment, project_dir, state_dir
from tests.integration.dbt.people import People

#: dbt arguments -> the finished process.
Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=["mariadb", pytest.param("mysql", marks=pytest.mark.mysql)])
def database(request: pytest.FixtureRequest, _mariadb_databases: Any, _mysql_databases: Any) -> Iterator[Database]:
    """One migrated database for all cases of a module, on each server there is: a build takes seconds."""
    databases = _mysql_databases if request.param == "mysql" else _mariadb_databases
    if databases is None:
        pytest.skip("CM_TEST_MYSQL_URL is not set")
    database = databases.make()
    yield database
    databases.drop(database)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Settings:
    """Settings over it, with a home of their own."""
    url = SecretStr(database.url_text(hide_password=False))
    return Settings(home=tmp_path_factory.mktemp("home"), database_url=url)


@pytest.fixture(scope="module")
def home(settings: Settings) -> Iterator[Settings]:
    """The process's settings are those of the module's database."""
    assert settings.database_url is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CM_HOME", str(settings.home_dir))
        patch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
        get_settings.cache_clear()
        yield get_settings()
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def models(home: Settings, give_parsed_dbt: Callable[[Path], None]) -> dg.AssetsDefinition:
    give_parsed_dbt(home.home_dir)
    return build_dbt_assets()[0][0]


@pytest.fixture(scope="module")
def build(settings: Settings, database: Database) -> Build:
    """Run dbt as the graph does, by the same environment."""

    def run(*arguments: str, command: str = "build", by_changes: bool = False) -> subprocess.CompletedProcess[str]:
        executable = Path(sys.executable).with_name("dbt")
        done = subprocess.run(
            [str(executable), "--no-use-colors", command, *arguments, "--project-dir", str(project_dir())],
            env={**os.environ, **dbt_environment(settings, database, by_changes=by_changes)},
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
