"""The extract as users start it: the job in the instance of the UI, its checks, and `cm extract`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cm_assets.build import build_defs
from cm_assets.launch import run_extract, run_import
from cm_core.extract import pending, plans
from cm_core.imports import records
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import database_of
from tests.integration.extract.conftest import Run, SettingsFactory, landed

_FIVE = (
    "create table people (id int primary key, name varchar(9))",
    "insert into people values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')",
)


def test_planning_adds_partitions_and_a_backfill_extracts_and_checks_them(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    from cm_assets.launch import open_instance

    run(*_FIVE)
    settings = legacy_settings(legacy_slice_rows=2)
    defs = build_defs(dbt=False, sensors=False, resources={"store": database_of(settings)})
    with open_instance(settings) as instance:
        assert defs.resolve_job_def("plan_legacy_extract").execute_in_process(instance=instance).success
        (plan,) = plans(settings, database)
        assert instance.get_dynamic_partitions("legacy_slices") == plan.slice_names()
    result = run_extract(settings, plan.slice_names())
    assert result.success, result.errors
    assert landed(settings) == [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d"), ("5", "e")]
    with open_instance(settings) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("legacy_mysql_extract")) == set(plan.slice_names())
        checks = _checks(instance, result.run_id)
        entry = instance.get_latest_materialization_event(dg.AssetKey("legacy_mysql_extract"))
    assert checks == {"slice_matches_source": True, "extract_is_complete": True}
    assert entry
    assert entry.asset_materialization
    metadata = entry.asset_materialization.metadata
    assert {"rows", "bytes", "checksum", "extract_seconds", "rows_per_second", "landing_key"} <= metadata.keys()


def test_slices_are_found_by_the_sensor_and_imported_like_any_file(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    from cm_assets.launch import open_instance

    run(
        "create table people (id int primary key, first_name varchar(40), last_name varchar(40), email varchar(99), "
        "phone varchar(20) character set latin1, zip char(5), birth_date date, balance double, photo blob)",
        "insert into people values (1, 'John', 'Smith', 'john@example.com', '405-321-4501', '73069', '1950-02-01', "
        "0.1, x'00ff'), (2, 'Mary', 'Jones', 'mary@example.com', '405-321-4502', '73069', '0000-00-00', null, null), "
        "(3, 'José', 'Núñez', 'jose@example.com', '405-321-4503', '00501', null, 1e300, ''), "
        "(4, null, null, null, null, null, null, null, null), "
        "(5, 'John', 'Smith', 'john@example.com', '405-321-4501', '73069', '1950-02-01', 0.1, null)",
    )
    settings = legacy_settings(legacy_slice_rows=2)
    (plan,) = plans(settings, database)
    assert run_extract(settings, plan.slice_names()).success
    resource = database_of(settings)
    defs = build_defs(dbt=False, resources={"store": resource})
    with (
        open_instance(settings) as instance,
        dg.build_sensor_context(
            instance=instance, repository_def=defs.get_repository_def(), resources={"store": resource}
        ) as context,
    ):
        found = defs.get_sensor_def("landing_zone")(context)
    assert isinstance(found, dg.SensorResult), found
    (request,) = found.run_requests or []
    assert request.job_name == "import_contacts"
    wanted = [record.import_id for record in records.latest(database) if record.status == "PENDING"]
    assert run_import(settings, sorted(wanted), "contacts").success
    records_found = sorted((records.get(database, import_id) for import_id in wanted), key=lambda one: one.filename)
    assert [(record.feed, record.filename) for record in records_found] == [
        ("legacy_contacts", f"{name}.parquet") for name in plan.slice_names()
    ]
    assert [record.row_count for record in records_found] == [2, 2, 1]
    assert [record.error_count for record in records_found] == [0, 1, 0]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select first_name, last_name, date_of_birth from persons order by last_name")
        people = list(cursor.fetchall())
    assert people == [
        ("Mary", "Jones", None),
        ("José", "Núñez", None),
        ("John", "Smith", date(1950, 2, 1)),
    ]


def test_the_checks_fail_when_a_landed_file_was_tampered_with(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    from cm_assets.launch import open_instance

    run(*_FIVE)
    settings = legacy_settings(legacy_slice_rows=2)
    (plan,) = plans(settings, database)
    names = plan.slice_names()
    first = run_extract(settings, names[:1])
    assert first.success, first.errors
    with open_instance(settings) as instance:
        assert _checks(instance, first.run_id) == {"slice_matches_source": True, "extract_is_complete": False}
    path = landing_zone(settings).local_path(plan.landing_key(1))
    assert path is not None
    size = path.stat().st_size
    other = pa.table({"id": ["1", "2"], "name": ["a", "x"]})
    pq.write_table(other, path, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=False)
    assert path.stat().st_size == size
    second = run_extract(settings, names)
    with open_instance(settings) as instance:
        assert _checks(instance, second.run_id)["slice_matches_source"] is False


def test_a_slice_that_fails_keeps_none_of_the_others_from_landing(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(*_FIVE)
    settings = legacy_settings(legacy_slice_rows=2)
    (plan,) = plans(settings, database)
    occupied = landing_zone(settings).local_path(plan.landing_key(2))
    assert occupied is not None
    occupied.parent.mkdir(parents=True)
    occupied.write_bytes(b"something else")
    result = run_extract(settings, plan.slice_names())
    assert not result.success
    assert "1 of 3 slices failed" in result.errors[0]
    assert pending(settings, plan) == [plan.slice_name(2)]


@pytest.mark.soak
def test_cm_extract_lands_and_says_so_and_the_second_time_has_nothing_to_do(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(*_FIVE)
    settings = legacy_settings(legacy_slice_rows=2)
    code, out, err = _cm(settings, "extract", "--json")
    assert code == 0, err
    first = json.loads(out)
    assert (first["status"], first["rows"], first["extracted_now"], first["note"]) == ("COMPLETE", 5, 3, None)
    assert [one["rows"] for one in first["files"]] == [2, 2, 1]
    assert err == ""
    code, out, _ = _cm(settings, "extract", "people", "--json")
    assert (code, json.loads(out)["extracted_now"]) == (0, 0)
    code, out, err = _cm(settings, "extract", "owners")
    assert (code, out) == (2, "")
    assert "CM_LEGACY_TABLES does not name owners" in err


def _cm(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    assert settings.database_url
    assert settings.legacy_database_url
    done = subprocess.run(
        [sys.executable, "-m", "cm_core.cli.main", *arguments],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("CM_", "DAGSTER_"))},
            "CM_HOME": str(settings.home_dir),
            "CM_DATABASE_URL": settings.database_url.get_secret_value(),
            "CM_LEGACY_DATABASE_URL": settings.legacy_database_url.get_secret_value(),
            "CM_LEGACY_TABLES": settings.legacy_tables,
            "CM_LEGACY_SLICE_ROWS": str(settings.legacy_slice_rows),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, done.stdout, done.stderr


def _checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, bool]:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in events]
    return {item.check_name: item.passed for item in found}
