"""The invariants of imports over generated batches: conservation, idempotency, nothing invented."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from rows import Row, files, fingerprint, import_file, query, run_import, write_file

from cm_core.imports import chunks, reader, records, registry
from cm_core.store.tables import CANONICAL_TABLES
from cm_core.upsert import write
from tests.integration.changes import noted

short = hypothesis_settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@short
@given(batches=files)
def test_every_row_is_accounted_for(batches: list[list[Row]], make_settings: Any, make_database: Any) -> None:
    database = make_database()
    settings = make_settings(database=database)
    with tempfile.TemporaryDirectory() as folder:
        for number, batch in enumerate(batches):
            with noted(database):
                record = import_file(settings, database, write_file(Path(folder) / f"{number}.csv", batch, day=number))
            if record.status == "DUPLICATE":
                continue
            assert record.status == "COMPLETE", record.status_reason
            assert record.row_count == len(batch)
            counted = (record.inserted_count, record.updated_count, record.skipped_count, record.error_count)
            assert sum(count or 0 for count in counted) == len(batch)
            placed = {
                row
                for (row,) in query(
                    database,
                    "select distinct `row_number` from person_sources where import_id = %s",
                    (record.import_id,),
                )
            }
            rejected = {
                row
                for (row,) in query(
                    database,
                    "select distinct `row_number` from import_validation_log where import_id = %s "
                    "and row_status = 'rejected'",
                    (record.import_id,),
                )
            }
            assert placed | rejected == set(range(1, len(batch) + 1))
            assert not placed & rejected
    orphans = query(
        database,
        "select count(*) from persons where id not in (select person_id from person_sources)",
    )
    assert orphans == [(0,)]
    for table in ("phone_numbers", "email_addresses", "addresses"):
        primaries = query(
            database,
            f"select person_id, count(*) from {table} where is_primary = 1 group by person_id having count(*) > 1",
        )
        assert primaries == []


@short
@given(batches=files)
def test_importing_again_changes_nothing(batches: list[list[Row]], make_settings: Any, make_database: Any) -> None:
    database = make_database()
    settings = make_settings(database=database)
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_file(Path(folder) / f"{n}.csv", batch, day=n) for n, batch in enumerate(batches)]
        first = [import_file(settings, database, path) for path in paths]
        before = fingerprint(database, CANONICAL_TABLES)

        for record in first:
            if record.status == "COMPLETE":
                with noted(database):
                    run_import(settings, database, record.import_id)
                again = records.get(database, record.import_id)
                assert (again.inserted_count, again.updated_count, again.skipped_count, again.error_count) == (
                    record.inserted_count, record.updated_count, record.skipped_count, record.error_count,
                )  # fmt: skip
        assert fingerprint(database, CANONICAL_TABLES) == before

        for path in paths:
            renamed = path.with_name(f"copy_of_{path.name}")
            renamed.write_bytes(path.read_bytes())
            registration = registry.register_file(settings, database, renamed)
            assert registration.status == "DUPLICATE"
        assert fingerprint(database, CANONICAL_TABLES) == before


@short
@given(batches=files)
def test_however_few_rows_are_taken_at_once_the_tables_are_the_same(
    batches: list[list[Row]], make_settings: Any, make_database: Any
) -> None:
    """Chunks of staging, ranges of writing and shares of folding are boundaries that nobody sees afterwards."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_file(Path(folder) / f"{n}.csv", batch, day=n) for n, batch in enumerate(batches)]
        for few in (False, True):
            database = make_database()
            settings = make_settings(database=database)
            with pytest.MonkeyPatch.context() as patch:
                if few:
                    patch.setattr(reader, "STRETCH_BYTES", 200)
                    patch.setattr(reader, "LEAST_STRETCH_BYTES", 200)
                    patch.setattr(chunks, "CHUNK_ROWS", 2)
                    patch.setattr(write, "ROWS_AT_ONCE", 2)
                for path in paths:
                    import_file(settings, database, path)
            found.append(_apart_from_ids(fingerprint(database, CANONICAL_TABLES)))
    assert found[0] == found[1]


def _apart_from_ids(content: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Contact points are numbered in the order they are written in, which is nobody's business; persons are not."""
    numbered = ("phone_numbers", "email_addresses", "addresses", "person_identifiers")
    return {
        table: sorted((row[1:] for row in rows), key=repr) if table in numbered else rows
        for table, rows in content.items()
    }
