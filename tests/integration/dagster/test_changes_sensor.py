"""What is recorded by hand is followed by a build of the marts, once, when nothing else runs."""

from __future__ import annotations

import dagster as dg
import pytest

from cm_core.settings import Settings
from cm_core.store import Database
from resources.database import database_of
from sensors import changes


@dg.op
def nothing() -> None:
    """A run that does nothing."""


@dg.job(name="marts")
def marts() -> None:
    nothing()


def tick(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """The key of the run that a tick asks for, or None."""
    sensor = changes.changes_sensor(marts, interval_seconds=10)
    with dg.build_sensor_context(instance=instance, resources={"store": database_of(settings)}) as context:
        found = sensor(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found.run_key if isinstance(found, dg.RunRequest) else None


def note(database: Database, entity_id: int, *, seconds_ago: int) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into changed_entities (entity_id, changed_at) "
            "values (%s, timestampadd(second, -%s, utc_timestamp(6)))",
            (entity_id, seconds_ago),
        )
        connection.commit()


def test_settled_changes_are_built_once_when_nothing_runs(
    instance: dg.DagsterInstance, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tick(instance, settings) is None, "nothing has changed"
    note(database, 5, seconds_ago=0)
    assert tick(instance, settings) is None, "somebody may be recording more"
    note(database, 5, seconds_ago=60)  # its row is the newest, and settled
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("delete from changed_entities where id = (select min(id) from changed_entities)")
        connection.commit()
    key = tick(instance, settings)
    assert key is not None
    assert tick(instance, settings) == key, "the same changes ask for the same run, which Dagster starts once"
    note(database, 6, seconds_ago=60)
    assert tick(instance, settings) not in (None, key)

    run = instance.create_run_for_job(marts)
    instance.report_run_canceling(run)
    assert tick(instance, settings) is None, "a run is under way"
    instance.report_run_canceled(run)
    assert tick(instance, settings) is None, "what follows it may be about to begin"
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0)
    assert tick(instance, settings) is None, "it would be cancelled, or fail, again"
    monkeypatch.setattr(changes, "AFTER_FAILURE_SECONDS", 0)
    assert tick(instance, settings) is not None


def test_changes_that_a_failed_build_left_are_built_again(
    instance: dg.DagsterInstance, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster starts a run key once: after each failure, and only then, there is another."""
    monkeypatch.setattr(changes, "QUIET_SECONDS", 0)
    note(database, 5, seconds_ago=60)
    keys = []
    for end in (instance.report_run_failed, instance.report_run_canceled, instance.report_run_failed):
        keys.append(tick(instance, settings))
        run = instance.create_run_for_job(marts)
        end(run)
        monkeypatch.setattr(changes, "AFTER_FAILURE_SECONDS", 300)
        assert tick(instance, settings) is None, "what failed a moment ago would fail again"
        monkeypatch.setattr(changes, "AFTER_FAILURE_SECONDS", 0)
        assert tick(instance, settings) == tick(instance, settings)
    keys.append(tick(instance, settings))
    assert None not in keys
    assert len(set(keys)) == 4
