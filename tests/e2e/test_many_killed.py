"""A run over several imports is killed: what was applied stays, the same command completes the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.imports import records, registry
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.conftest import run_cm
from tests.e2e.kills import Moment, kill, running, wait_for
from tests.integration.imports.steps import assert_conserved, checksum, column, import_file

FILES = 4


def _lists(folder: Path) -> list[Path]:
    """Lists that name one another's people, and a bad one among them."""
    paths = []
    for number in range(FILES):
        paths.append(folder / f"people_{number}.csv")
        rows = [f"Ann Lee{chr(97 + who)},405-321-{4000 + who},{number} Main St" for who in range(number, number + 8)]
        paths[-1].write_text("\n".join(["Name,Phone,Address", *rows]) + "\n")
    paths.insert(2, folder / "wells.csv")
    paths[2].write_text("Well,Depth\nA,1\n")
    return paths


@pytest.mark.soak
def test_a_killed_run_over_several_imports_keeps_what_is_done_and_is_completed(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    paths = _lists(tmp_path)
    undisturbed = make_database()
    one_by_one = make_settings(database=undisturbed)
    for path in paths:
        if path.name != "wells.csv":
            import_file(one_by_one, undisturbed, path)
        else:  # it takes a number, as it does below
            found = registry.register_file(one_by_one, undisturbed, path)
            records.HOLD.release(found.import_id)

    database = make_database()
    settings = make_settings(database=database)
    with running(settings, "ingest", *paths, "--json") as process:
        for number in range(2):
            assert wait_for(database, Moment("COMPLETE", 0.0), process), f"ended before import {number} was complete"
        kill(process)
    done = set(column(database, "select import_id from import_metadata where status = 'COMPLETE'"))
    assert 2 <= len(done) < FILES, "killed in the middle"
    left = {item.import_id for item in registry.waiting(database)}
    assert len(left | done) == FILES

    ran = run_cm(settings, "ingest", *paths, "--json")
    assert ran.code == 1
    assert [line.split(":")[0] for line in ran.errors] == ["wells.csv"]
    made = records.find(database, "where status <> 'DUPLICATE' order by id", ())
    assert [(record.filename, record.status) for record in made] == [
        (path.name, "REJECTED" if path.name == "wells.csv" else "COMPLETE") for path in paths
    ]
    for record in made:
        if record.status == "COMPLETE":
            assert_conserved(settings, database, record)
            assert set(record.reports) == {"success_report", "error_report", "checklist"}
            assert record.attempt == 1 or record.import_id not in done, "what is done is not done again"
    assert registry.waiting(database) == []
    assert checksum(database) == checksum(undisturbed)
