"""What a build of the marts has to make anew: everything, or the entities that changed since the last one.

Whoever writes people, contact points or suppressions appends the entities to `changed_entities` in the same
transaction. How the marts are built is dbt's business.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from cm_core.store.changes import EVERYTHING, all_changed
from cm_core.store.database import Database
from cm_core.store.locks import transaction

#: A larger share of all entities is quicker built anew as a whole.
_SHARE_OF_ALL = 0.2
#: Below so many entities everything takes no longer than a part.
_FEW = 1000

# READ COMMITTED, so that writers are neither waited for nor held up. What they commit later stays for the next build.
_READ_COMMITTED = "set transaction isolation level read committed"
_FORGET_TAKEN = "delete from changes_in_build"
_TAKE_LAST = "insert into changes_in_build (id, entity_id) values (last_insert_id(), %s)"
_TAKE = "insert into changes_in_build (id, entity_id) select id, entity_id from changed_entities"
_COUNT_TAKEN = "select count(distinct entity_id), coalesce(min(entity_id), 1) from changes_in_build"
_LAST_FINGERPRINT = "select fingerprint from mart_builds order by id desc limit 1"
_WAITING = """
select count(distinct entity_id), max(id), timestampdiff(microsecond, max(changed_at), utc_timestamp(6)) / 1e6
from changed_entities
"""
_COUNT_ENTITIES = "select count(*) from persons where is_original = 1"
_TABLES_THERE = "select table_name from information_schema.tables where table_schema = database()"
_RECORD = "insert into mart_builds (fingerprint, as_of, is_full, entities) values (%s, %s, %s, %s)"
_DONE = "delete log from changed_entities as log inner join changes_in_build as taken on taken.id = log.id"


@dataclass(frozen=True)
class Build:
    """What one build does: `by_changes`, or everything; and how many entities' changes it takes in."""

    by_changes: bool
    entities: int
    fingerprint: str


@dataclass(frozen=True)
class Waiting:
    """Changes that no build has taken in: how many entities, the newest of their rows, and how old that is."""

    entities: int
    last_id: int
    settled_seconds: float


def waiting(database: Database) -> Waiting | None:
    """The changes that wait for a build, or None."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_WAITING)
        (entities, last_id, seconds) = cursor.fetchall()[0]
    return Waiting(int(entities), int(last_id), float(seconds)) if last_id is not None else None


def begin(database: Database, fingerprint: str, tables: Collection[str]) -> Build:
    """Take the changes of now into a build. Call while no other build runs (the lock of the marts).

    By changes only if the last build was made by the same models and rules (`fingerprint`), all of its `tables` are
    there, no writer asked for everything, and the changes are few beside all entities. A build by other models or rules
    is noted before it begins: should it fail, what it left is made anew, even if the former rules come back.
    """
    with closing(database.connect()) as connection:
        with connection.cursor() as cursor:
            cursor.execute(_READ_COMMITTED)
        with transaction(connection), connection.cursor() as cursor:
            cursor.execute(_FORGET_TAKEN)
            cursor.execute(_TAKE)
            cursor.execute(_COUNT_TAKEN)
            (changed, lowest) = cursor.fetchall()[0]
            cursor.execute(_LAST_FINGERPRINT)
            last = cursor.fetchone()
            cursor.execute(_COUNT_ENTITIES)
            (everybody,) = cursor.fetchall()[0]
            cursor.execute(_TABLES_THERE)
            there = {name for (name,) in cursor.fetchall()}
            if last is not None and last[0] != fingerprint and lowest > EVERYTHING:
                all_changed(connection)
                cursor.execute(_TAKE_LAST, (EVERYTHING,))
    by_changes = (
        last is not None
        and last[0] == fingerprint
        and set(tables) <= there
        and lowest > EVERYTHING
        and changed <= max(_SHARE_OF_ALL * everybody, _FEW)
    )
    return Build(by_changes, int(changed), fingerprint)


def part(database: Database, fingerprint: str) -> None:
    """Before a part of the marts is built, which is not recorded: by other models or rules than the last build's, the
    next build is of everything.
    """
    with closing(database.connect()) as connection, transaction(connection), connection.cursor() as cursor:
        cursor.execute(_LAST_FINGERPRINT)
        last = cursor.fetchone()
        if last is not None and last[0] != fingerprint:
            all_changed(connection)


def end(database: Database, build: Build, as_of: datetime) -> None:
    """Record that the build went through, as of `as_of` (naive UTC); the changes it took in are done with."""
    with closing(database.connect()) as connection, transaction(connection), connection.cursor() as cursor:
        cursor.execute(_RECORD, (build.fingerprint, as_of, not build.by_changes, build.entities))
        cursor.execute(_DONE)
        cursor.execute(_FORGET_TAKEN)
