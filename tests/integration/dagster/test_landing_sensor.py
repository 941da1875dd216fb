"""The landing sensor over real files and the real ledger."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
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
from tests.integration.imports.steps import run as import_run

from .conftest import PEOPLE

SettingsFactory = Callable[..., Settings]
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@cache
def _repository() -> dg.RepositoryDefinition:
    """All there is, once for the file: which database is a resource, given to each evaluation."""
    return build_defs(dbt=False).get_repository_def()


def _tick(settings: Settings, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """One evaluation of the sensor, as the daemon asks the code server for it."""
    with dg.build_sensor_context(
        instance=instance, repository_def=_repository(), resources={"store": database_of(settings)}
    ) as context:
        found = _repository().get_sensor_def("landing_zone")(context)
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


def test_files_that_came_together_share_a_run_in_order_of_arrival(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    for number in (3, 1, 2):
        path = _drop(settings, f"people_{number}.csv", f"Name\nPerson Nr{number}\n")
        os.utime(path, (1_700_000_000 + number,) * 2)
    _drop(settings, "dnc_list.csv", "phone\n405-321-4567\n")
    found = _tick(settings, instance)
    lists, people = _requests(found)
    assert (lists.job_name, people.job_name) == ("import_dnc_registry", "import_contacts")
    assert isinstance(found, dg.SensorResult)
    (added,) = found.dynamic_partitions_requests or []
    ids = [records.get(database, str(key)) for key in added.partition_keys]
    assert [record.filename for record in ids] == ["dnc_list.csv", "people_1.csv", "people_2.csv", "people_3.csv"]
    assert (people.tags[RANGE_START], people.tags[RANGE_END]) == (ids[1].import_id, ids[3].import_id)
    assert people.run_key == _requests(_tick(settings, instance))[1].run_key


def test_what_a_killed_run_left_is_taken_up_and_what_is_done_is_not(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    for number in range(4):
        os.utime(_drop(settings, f"{number}.csv", f"Name\nPerson Nr{number}\n"), (1_700_000_000 + number,) * 2)
    found = _tick(settings, instance)
    (request,) = _requests(found)
    assert isinstance(found, dg.SensorResult)
    (added,) = found.dynamic_partitions_requests or []
    ids = list(added.partition_keys)
    instance.add_dynamic_partitions("imports", ids)
    run = instance.create_run_for_job(
        _repository().get_job("import_contacts"), tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED
    )
    waits = _tick(settings, instance)
    assert isinstance(waits, dg.SkipReason)
    assert f"4 of contacts wait for run {run.run_id}" in str(waits.skip_message)

    import_run(settings, database, ids[0])  # the run came so far ...
    import_run(settings, database, ids[1])
    instance.report_run_failed(run, "killed")  # ... and was killed
    (again,) = _requests(_tick(settings, instance))
    assert (again.tags[RANGE_START], again.tags[RANGE_END]) == (ids[2], ids[3])
    assert again.run_key != request.run_key

    for import_id in ids[2:]:
        import_run(settings, database, import_id)
    assert isinstance(_tick(settings, instance), dg.SkipReason)
    assert {records.get(database, import_id).status for import_id in ids} == {"COMPLETE"}


def test_a_run_is_bounded_in_files_and_the_rest_waits_for_its_end(
    make_settings: SettingsFactory, database: Database, instance: dg.DagsterInstance
) -> None:
    with database.connect() as connection, connection.cursor() as cursor:  # much is known: no bulk path
        cursor.execute("insert into id_counters (name, next_id) values ('persons', 1000001)")
        connection.commit()
    settings = make_settings(database=database, run_files=2)
    for number in range(5):
        _drop(settings, f"{number}.csv", f"Name\nPerson Nr{number}\n")
    (request,) = _requests(_tick(settings, instance))
    assert request.tags["cm/imports"] == "2"


def test_the_bulk_path_takes_all_that_waits_into_one_run(
    make_settings: SettingsFactory, database: Database, instance: dg.DagsterInstance
) -> None:
    settings = make_settings(database=database, run_files=2, run_bytes=100)
    for number in range(5):
        _drop(settings, f"{number}.csv", "Name\n" + f"Person Nr{number}\n" * 10)
    (request,) = _requests(_tick(settings, instance))
    assert request.tags["cm/imports"] == "5"


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
    import_run(settings, database, str(request.partition_key))
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
