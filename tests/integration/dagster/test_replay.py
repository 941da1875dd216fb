"""Replays from the UI: a partition materialised again, as a whole or for its rejected rows; and after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cm_assets.build import build_defs
from cm_assets.launch import run_import
from cm_assets.partitions import imports
from cm_core.imports import pipeline, records, registry, replay_log
from cm_core.imports import replay as engine
from cm_core.imports.records import HOLD, ImportRecord
from cm_core.imports.replay_log import Mode
from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import database_of
from tests.integration.imports.steps import checksum, column, counts, query, run, unchanged

Register = Callable[..., str]
Bring = Callable[[str], ImportRecord]
TEXT = "Name,Phone,Zip\nAnn Able,405-321-1001,73069\n,,73069\nBob,405\n"


@pytest.fixture
def bring(settings: Settings, database: Database, register: Register, instance: dg.DagsterInstance) -> Bring:
    """Call it with a text: an import of it, with its partition. No replay asks who brought it."""

    def bring(text: str) -> ImportRecord:
        import_id = register(text)
        instance.add_dynamic_partitions(str(imports.name), [import_id])
        return run(settings, database, import_id)

    return bring


@pytest.fixture
def imported(bring: Bring) -> ImportRecord:
    """An import with two rejected rows."""
    return bring(TEXT)


@pytest.fixture
def materialize(settings: Settings, instance: dg.DagsterInstance) -> Callable[..., dg.ExecuteInProcessResult]:
    """Run the job of contacts for a partition with the config of the launchpad, as the UI does."""

    def go(import_id: str, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
        defs = build_defs(dbt=False, sensors=False, resources={"store": database_of(settings)})
        run_config = {"ops": {"raw_import": {"config": config}}} if config else None
        result = defs.resolve_job_def("import_contacts").execute_in_process(
            instance=instance, partition_key=import_id, run_config=run_config, raise_on_error=False
        )
        HOLD.release(import_id)
        return result

    return go


@pytest.mark.soak
def test_a_partition_materialised_again_is_a_full_replay(
    database: Database, imported: ImportRecord, materialize: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    with unchanged(database):
        assert materialize(imported.import_id).success
        assert materialize(imported.import_id, {"replay": "full"}).success
    assert counts(records.get(database, imported.import_id)) == counts(imported)
    assert [(made.mode, made.status) for made in replay_log.replays_of(database, imported.import_id)] == [
        (Mode.FULL, "COMPLETE"), (Mode.FULL, "COMPLETE"),
    ]  # fmt: skip


@pytest.mark.soak
def test_the_config_of_a_run_says_errors_only(
    settings: Settings,
    database: Database,
    imported: ImportRecord,
    materialize: Callable[..., dg.ExecuteInProcessResult],
    tmp_path: Path,
) -> None:
    """A file of mended rows waits with the request; the run with the config takes it up."""
    path = tmp_path / "fixed.csv"
    path.write_text("row_number,Name,Phone,Zip\n3,Bob Bell,405-321-1003,\n")
    engine.request(settings, database, imported.import_id, Mode.ERRORS_ONLY, corrected=path)
    HOLD.release(imported.import_id)
    result = materialize(imported.import_id, {"replay": "errors-only"})
    assert result.success
    assert counts(records.get(database, imported.import_id)) == (3, 2, 0, 0, 1)
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    for name in ("rows_conserved_in_staging", "rows_conserved", "every_row_traced", "row_count"):
        assert checks[name], name
    who = column(
        database,
        "select actor from import_audit_log where import_id = %s and operation = 'STATUS_COMPLETE' order by id",
        (imported.import_id,),
    )
    assert who[-1] == f"UI, run {result.run_id}"
    with unchanged(database):
        assert materialize(imported.import_id, {"replay": "errors-only"}).success
        assert materialize(imported.import_id).success


def test_a_config_that_cannot_be_meant_fails_the_run_and_not_the_import(
    database: Database, bring: Bring, materialize: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    import_id = bring("Name,Zip\nAnn Able,73069\n").import_id
    result = materialize(import_id, {"replay": "errors-only"})
    assert not result.success
    failure = result.failure_data_for_node("raw_import")
    assert failure
    assert failure.user_failure_data
    assert "has no rejected rows" in str(failure.user_failure_data.description)
    assert records.get(database, import_id).status == "COMPLETE"
    with pytest.raises(dg.DagsterInvalidConfigError):
        materialize(import_id, {"replay": "errors"})


def test_the_sensor_goes_on_with_a_replay_that_was_killed(
    settings: Settings, database: Database, imported: ImportRecord, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    path = tmp_path / "fixed.csv"
    path.write_text("row_number,Name,Phone,Zip\n3,Bob Bell,405-321-1003,\n")
    before = checksum(database)
    engine.request(settings, database, imported.import_id, Mode.ERRORS_ONLY, corrected=path)
    pipeline.check_raw(settings, database, imported.import_id)
    pipeline.stage(settings, database, imported.import_id)
    HOLD.release(imported.import_id)  # as if killed
    assert checksum(database) == before
    (waiting,) = registry.waiting(database)
    assert waiting.import_id == imported.import_id
    assert run_import(settings, [waiting.import_id], waiting.target).success
    assert counts(records.get(database, imported.import_id)) == (3, 2, 0, 0, 1)
    assert query(database, "select mode, status, brought_in from import_replays") == [("errors-only", "COMPLETE", 1)]
