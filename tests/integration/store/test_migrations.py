"""Migrations make exactly the tables that `tables.py` declares, once, whoever else is at it or was killed at it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from cm_core.store import Database
from cm_core.store.migrations import current, head, upgrade
from cm_core.store.tables import CANONICAL_TABLES, metadata

MakeDatabase = Callable[..., Database]


def _drift(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def _column_collations(database: Database) -> dict[tuple[str, str], str]:
    inspector = inspect(database.engine)
    return {
        (table, column["name"]): getattr(column["type"], "collation", None) or "utf8mb4_unicode_ci"
        for table in inspector.get_table_names()
        for column in inspector.get_columns(table)
        if hasattr(column["type"], "collation") and table != "alembic_version"
    }


def test_an_empty_database_comes_to_the_declared_tables(make_any_database: MakeDatabase) -> None:
    database = make_any_database(migrated=False)
    assert upgrade(database) is None
    assert current(database) == head()
    assert _drift(database) == []
    assert set(CANONICAL_TABLES) < set(inspect(database.engine).get_table_names())


def test_collations_are_the_declared_ones(any_database: Database) -> None:
    declared = {
        (table.name, column.name): getattr(column.type, "collation", None) or "utf8mb4_unicode_ci"
        for table in metadata.tables.values()
        for column in table.columns
        if hasattr(column.type, "collation")
    }
    assert _column_collations(any_database) == declared


def test_upgrading_again_changes_nothing(any_database: Database) -> None:
    assert upgrade(any_database) == head()
    assert _drift(any_database) == []


def test_the_test_databases_are_what_migrations_make(make_any_database: MakeDatabase) -> None:
    make_any_database()
    replayed = make_any_database()
    assert current(replayed) == head()
    assert _drift(replayed) == []


def test_two_upgraders_at_once_do_it_once(make_any_database: MakeDatabase) -> None:
    database = make_any_database(migrated=False)
    before: list[str | None] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            before.append(upgrade(Database(database.url)))
        except Exception as error:  # noqa: BLE001 - a thread's failure is asserted on below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    assert before.count(None) == 1
    assert before.count(head()) == 3
    assert _drift(database) == []


@pytest.mark.parametrize("undo", ["drop table opt_outs", "drop index ix_persons_entity_id on persons"])
def test_an_upgrade_that_was_killed_half_way_is_finished_by_the_next(any_database: Database, undo: str) -> None:
    with any_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(undo)
        cursor.execute("delete from alembic_version")
        connection.commit()
    upgrade(any_database)
    assert current(any_database) == head()
    assert _drift(any_database) == []


def test_campaigns_and_touchpoints_from_before_the_feeds_are_kept(make_any_database: MakeDatabase) -> None:
    database = make_any_database(migrated=False)
    upgrade(database, "0001")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("insert into campaigns (id, name, type) values (7, 'Spring', 'mail'), (8, 'Spring', 'sms')")
        cursor.execute(
            "insert into touchpoints (id, campaign_id, touchpoint_type, touchpoint_date, status) "
            "values (1, 7, 'mail', '2026-01-05', 'sent'), (2, 8, 'sms', '2026-01-05', 'sent')"
        )
        connection.commit()
    upgrade(database)
    assert _drift(database) == []
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select id, campaign_key from campaigns order by id")
        assert list(cursor.fetchall()) == [(7, "name:SPRING|mail"), (8, "name:SPRING|sms")]
        cursor.execute("select campaign_id, status, unmatched_reason from touchpoints order by id")
        assert list(cursor.fetchall()) == [(7, "sent", "unknown"), (8, "sent", "unknown")]
