"""Shadow tables and one RENAME: the same rows, ids and all, as one transaction an import; constraints as declared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from rows import Row, files, write_file

from cm_core import upsert
from cm_core.errors import CmError, ImportFailed
from cm_core.imports import pipeline, records, registry, reports
from cm_core.imports.records import HOLD
from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import Database, shadow
from cm_core.store.tables import metadata
from cm_core.upsert.sinks import PEOPLE_TABLES
from tests.integration.imports.steps import assert_conserved, checksum, import_file, query

_BY_TRANSACTION = 10**9  # more people than any batch here has
_FOREIGN_KEYS = """
select table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
from information_schema.key_column_usage
where constraint_schema = database() and referenced_table_name is not null
"""
_INDEXES = """
select table_name, index_name, non_unique, seq_in_index, column_name
from information_schema.statistics
where table_schema = database()
"""
_TABLES = "select table_name from information_schema.tables where table_schema = database()"


def stage(settings: Settings, database: Database, path: Path, *, feed: str | None = None) -> str:
    """Everything of an import before its apply."""
    import_id = registry.register_file(settings, database, path, feed=feed).import_id
    pipeline.check_raw(settings, database, import_id)
    pipeline.stage(settings, database, import_id)
    return import_id


def apply_together(settings: Settings, database: Database, paths: list[Path]) -> dict[str, Any]:
    """Import lists in one go."""
    import_ids = [stage(settings, database, path) for path in paths]
    outcomes = upsert.apply_all(settings, database, import_ids)
    for import_id in import_ids:
        reports.write(settings, database, import_id)
        HOLD.release(import_id)
    return outcomes


def schema(database: Database) -> dict[str, set[tuple[Any, ...]]]:
    """Tables, indexes and foreign keys."""
    return {name: set(query(database, text)) for name, text in (
        ("tables", _TABLES), ("indexes", _INDEXES), ("foreign keys", _FOREIGN_KEYS),
    )}  # fmt: skip


def one_by_one(make_settings: Any, make_database: Any, paths: list[Path]) -> Database:
    """Each list in a transaction of its own."""
    database = make_database()
    settings = make_settings(database=database, bulk_rows=_BY_TRANSACTION)
    for path in paths:
        import_file(settings, database, path)
    return database


checked = hypothesis_settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@checked
@given(batches=files)
def test_together_is_row_for_row_as_one_by_one(
    batches: list[list[Row]], make_settings: Any, make_database: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unique = list({tuple(batch): batch for batch in batches}.values())
        paths = [write_file(Path(folder) / f"{n}.csv", batch, day=n) for n, batch in enumerate(unique)]
        expected = one_by_one(make_settings, make_database, paths)
        together = make_database()
        settings = make_settings(database=together, bulk_rows=0)
        outcomes = apply_together(settings, together, paths)
        assert not [outcome for outcome in outcomes.values() if isinstance(outcome, CmError)]
        assert checksum(together) == checksum(expected)
        wanted = {record.filename: record for record in records.latest(expected)}
        for record in records.latest(together):
            assert_conserved(settings, together, record)
            other = wanted[record.filename]
            assert (record.inserted_count, record.updated_count, record.skipped_count) == (
                other.inserted_count, other.updated_count, other.skipped_count,
            )  # fmt: skip


@pytest.mark.soak
@hypothesis_settings(parent=checked, max_examples=30)
@given(batches=files)
def test_together_is_row_for_row_as_one_by_one_long(
    batches: list[list[Row]], make_settings: Any, make_database: Any
) -> None:
    test_together_is_row_for_row_as_one_by_one.hypothesis.inner_test(batches, make_settings, make_database)


@pytest.mark.soak
@pytest.mark.parametrize("count", [300, 700])
def test_sample_lists_into_an_empty_and_into_a_smaller_base(
    make_settings: Any, make_database: Any, tmp_path: Path, count: int
) -> None:
    """A list alone (straight to the shadows), then the others together (over what is known)."""
    paths = list(generate(count, 5, tmp_path / "sample").files)
    expected = one_by_one(make_settings, make_database, paths)
    database = make_database()
    settings = make_settings(database=database, bulk_rows=0)
    before = schema(database)
    import_file(settings, database, paths[0])
    assert schema(database) == before
    apply_together(settings, database, paths[1:])
    assert checksum(database) == checksum(expected)
    assert schema(database) == before
    for record in records.latest(database):
        assert_conserved(settings, database, record)


def test_applied_again_nothing_changes(make_settings: Any, database: Database, tmp_path: Path) -> None:
    settings = make_settings(database=database, bulk_rows=0)
    path = generate(300, 3, tmp_path / "sample").files[0]
    record = import_file(settings, database, path)
    before = checksum(database)
    assert before["persons"][0] > 0
    again = upsert.apply(settings, database, record.import_id)
    HOLD.release(record.import_id)
    assert checksum(database) == before
    assert (again.inserted, again.updated, again.skipped) == (
        record.inserted_count, record.updated_count, record.skipped_count,
    )  # fmt: skip


def test_one_that_fails_falls_out_of_those_together(make_settings: Any, make_database: Any, tmp_path: Path) -> None:
    first, second, third = generate(300, 4, tmp_path / "sample").files[:3]
    expected = one_by_one(make_settings, make_database, [first, third])
    database = make_database()
    settings = make_settings(database=database, bulk_rows=0)
    import_ids = [stage(settings, database, path) for path in (first, second, third)]
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("update import_metadata set row_count = row_count + 1 where import_id = %s", (import_ids[1],))
    outcomes = upsert.apply_all(settings, database, import_ids)
    assert isinstance(outcomes[import_ids[1]], ImportFailed)
    assert "do not add up" in str(outcomes[import_ids[1]])
    assert [record.status for record in records.latest(database)] == ["COMPLETE", "FAILED", "COMPLETE"]
    assert query(database, "select count(*) from person_sources where import_id = %s", (import_ids[1],)) == [(0,)]
    for import_id in import_ids:
        HOLD.release(import_id)
    # The third has another import id here: provenance differs, people do not.
    assert checksum(database)["persons"][0] == checksum(expected)["persons"][0]


class _Killed(BaseException):
    """The process ends, as far as the database can tell."""


def _interrupt(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def die(*_: Any) -> None:
        raise _Killed

    monkeypatch.setattr(shadow, where, die)


@pytest.mark.parametrize(
    ("where", "is_there"), [("add_indexes", False), ("swap", False), ("_restore_foreign_keys", True)]
)
def test_interrupted_it_is_all_there_or_not_at_all_and_the_next_writer_tidies_up(
    make_settings: Any,
    make_database: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    is_there: bool,
) -> None:
    path = generate(300, 3, tmp_path / "sample").files[0]
    after = checksum(one_by_one(make_settings, make_database, [path]))
    database = make_database()
    settings = make_settings(database=database, bulk_rows=0)
    before, empty = schema(database), checksum(database)
    import_id = stage(settings, database, path)
    with monkeypatch.context() as patched:
        _interrupt(patched, where)
        with pytest.raises(_Killed):
            upsert.apply(settings, database, import_id)
    assert checksum(database) == (after if is_there else empty)
    HOLD.release(import_id)
    upsert.apply(settings, database, import_id)
    HOLD.release(import_id)
    assert checksum(database) == after
    assert schema(database) == before
    record = records.get(database, import_id)
    assert record.status == "COMPLETE"
    assert query(database, "select distinct entity_id from changed_entities") == [(0,)]
    (next_id,) = query(database, "select next_id from id_counters where name = 'persons'")[0]
    assert next_id == query(database, "select max(id) + 1 from persons")[0][0]


@pytest.mark.mysql
def test_a_swap_leaves_the_schema_as_declared(any_database: Database) -> None:
    """On both servers: rows of tables that refer to a swapped one stay, and so do all constraints."""
    before = schema(any_database)
    with any_database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        shadow.create(connection, PEOPLE_TABLES)
        cursor.execute(
            "insert into persons__new (id, entity_id, entity_type, is_original, is_manually_verified, source_date, "
            "first_import_id, last_import_id) values (7, 7, 'person', 1, 0, now(), 'imp_x', 'imp_x')"
        )
        for table in PEOPLE_TABLES:
            shadow.add_indexes(connection, table)
        shadow.swap(connection, PEOPLE_TABLES)
        assert schema(any_database) == before
        assert {key[0] for key in before["foreign keys"]} >= {"phone_numbers", "touchpoints", "person_duplicates"}
        cursor.execute(
            "insert into opt_outs (person_id, channel, opted_out_at, source) values (7, 'call', now(), 'test')"
        )
        with pytest.raises(Exception, match="foreign key constraint"):
            cursor.execute(
                "insert into opt_outs (person_id, channel, opted_out_at, source) values (8, 'call', now(), 'test')"
            )
        shadow.create(connection, PEOPLE_TABLES)
        shadow.swap(connection, PEOPLE_TABLES)
        cursor.execute("select person_id from opt_outs")
        assert cursor.fetchall() == ((7,),)
    assert set(PEOPLE_TABLES) <= set(metadata.tables)
