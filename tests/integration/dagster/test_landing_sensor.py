"""The landing sensor over real files and the real ledger."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from cm_assets.build import build_defs
from cm_assets.launch import run_import
from cm_core.errors import DatabaseUnavailable
from cm_core.imports import records
from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import database_of

from .conftest import PEOPLE


def _tick(settings: Settings, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """One evaluation of the sensor, as the daemon asks the code server for it."""
    defs = build_defs(dbt=False, resources={"store": database_of(settings)})
    sensor = defs.get_sensor_def("landing_zone")
    with dg.build_sensor_context(
        instance=instance, repository_def=defs.get_repository_def(), resources={"store": database_of(settings)}
    ) as context:
        found = sensor(context)
    assert isinstance(found, (dg.SensorResult, dg.SkipReason))
    return found


def _drop(settings: Settings, name: str, text: str = PEOPLE) -> Path:
    folder = settings.home_dir / "landing"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _requests(found: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    assert isinstance(found, dg.SensorResult), found
    return list(found.run_requests or [])


def test_a_file_in_the_landing_zone_becomes_one_import_and_one_run(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    assert isinstance(_tick(settings, instance), dg.SkipReason)
    _drop(settings, "people.csv")
    (request,) = _requests(_tick(settings, instance))
    (again,) = _requests(_tick(settings, instance))
    assert request.job_name == "import_contacts"
    assert request.run_key == again.run_key == f"{request.partition_key}:0"
    assert records.get(database, str(request.partition_key)).status == "PENDING"

    assert run_import(settings, [str(request.partition_key)], "contacts").success
    assert isinstance(_tick(settings, instance), dg.SkipReason)


def test_a_list_goes_to_its_own_job(settings: Settings, instance: dg.DagsterInstance) -> None:
    folder = _drop(settings, "x.csv", "phone\n405-321-4567\n")
    (settings.home_dir / "landing" / "dnc_registry").mkdir()
    shutil.move(folder, settings.home_dir / "landing" / "dnc_registry" / "list.csv")
    (request,) = _requests(_tick(settings, instance))
    assert request.job_name == "import_dnc_registry"


def test_the_same_bytes_again_start_nothing(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    _drop(settings, "people.csv")
    (request,) = _requests(_tick(settings, instance))
    assert run_import(settings, [str(request.partition_key)], "contacts").success
    _drop(settings, "copy.csv")
    assert isinstance(_tick(settings, instance), dg.SkipReason)
    assert records.latest(database)[0].status == "DUPLICATE"


def test_a_database_that_is_down_fails_the_tick_with_one_line(settings: Settings, instance: dg.DagsterInstance) -> None:
    down = Settings(
        **{
            **settings.model_dump(exclude_none=True, exclude={"database_readonly_url"}),
            "database_url": "mysql://nobody:secret@127.0.0.1:9/cm",
        }
    )
    with pytest.raises(DatabaseUnavailable) as raised:
        _tick(down, instance)
    assert "127.0.0.1:9" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
