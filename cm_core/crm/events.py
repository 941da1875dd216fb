"""Webhook events that were kept: each entity is read anew by its id, and what changed lands as a pull's would.

Order and number of the events do not matter: what counts is what the API says now. Whoever is said to be deleted or
merged is asked for; who made a change, by hand or by a program, is known from the events themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, pulls
from cm_core.crm.client import IDS_AT_ONCE, PipedriveClient, pipedrive
from cm_core.crm.fields import person_fields
from cm_core.crm.inheriting import inherit_removals
from cm_core.crm.landing import Landing, finish_decided, land_people
from cm_core.crm.pull import Reader
from cm_core.crm.pulls import ACTIVITIES, DEALS, PERSONS
from cm_core.crm.reconcile import Vanished, look_at
from cm_core.crm.records import PersonRecord, RecordError, normal
from cm_core.crm.things import land_things
from cm_core.settings import Settings
from cm_core.store.locks import transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

#: Events handled in one go.
AT_ONCE = 1_000
_PURPOSE = "pipedrive webhooks"
_NEW = """
select event_id, entity, crm_id, action, meta, changed_fields
from crm_webhooks
where handled_at is null
order by received_at, event_id
limit %s
"""
_ARE_NEW = "select exists (select 1 from crm_webhooks where handled_at is null)"
_KIND = {"activity": ACTIVITIES, "deal": DEALS}


@dataclass(frozen=True)
class Event:
    """A kept event."""

    event_id: str
    entity: str
    crm_id: int
    action: str
    meta: Mapping[str, Any]
    changed: Sequence[str]


@dataclass
class Handled:
    """What came of events: how many there were, who had vanished, what landed by source."""

    events: int = 0
    vanished: Vanished = field(default_factory=Vanished)
    landed: dict[str, Landing] = field(default_factory=dict)


def handle_events(settings: Settings, database: Database, *, wait_s: float = 60.0) -> Handled:
    """Deal with the events that were kept, at most 1,000 (call again until `events` is 0).

    Killed at any instant, the next call goes on: an event counts as handled only when what came of it has landed.
    Raises the errors of `cm_core.web`, and WriterBusy where a pull is under way for longer than `wait_s`.
    """
    handled = Handled()
    with pulls.reading(database, wait_s=wait_s) as connection:
        _finish_left(settings, database, connection)
        events = _new(connection)
        handled.events = len(events)
        if not events:
            return handled
        with pipedrive(settings, database, purpose=_PURPOSE) as client:
            reader = Reader(settings, connection, client)
            persons = [event for event in events if event.entity == "person"]
            if persons:
                handled.vanished = _read_people(connection, client, reader, persons)
                _correct(connection, reader, persons)
                _keep_last(connection, reader, persons, handled.vanished)
                outcomes = _outcomes(persons, handled.vanished)
                _land_people(settings, database, connection, reader, outcomes, handled)
            for entity, source in _KIND.items():
                if some := [event for event in events if event.entity == entity]:
                    handled.landed[source] = _things(settings, connection, client, reader, source, some)
    return handled


def are_new_events(database: Database) -> bool:
    """Whether events wait to be handled."""
    connection = database.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ARE_NEW)
            row = cursor.fetchone()
        return bool(row and row[0])
    finally:
        connection.close()


def _read_people(
    connection: Connection[Any], client: PipedriveClient, reader: Reader, events: Sequence[Event]
) -> Vanished:
    """Read everybody anew whom the events name; nothing else of the events is believed."""
    said: dict[int, int] = {}
    for event in events:
        if (into := _number(event.meta.get("merged_to_id"))) is not None:
            said[event.crm_id] = into
        if (gone := _number(event.meta.get("merged_from_id"))) is not None:
            said[gone] = event.crm_id
    ids = sorted({event.crm_id for event in events} | said.keys() | set(said.values()))
    return look_at(connection, client, reader, ids, by="webhook", said=said)


def _correct(connection: Connection[Any], reader: Reader, events: Sequence[Event]) -> None:
    """A pull may have read a change before its event came: then who made it is known only now."""
    with transaction(connection):
        for event in events:
            if event.changed and (told := people.told_by(event.meta, event.changed, reader.fields)):
                people.told_late(connection, event.crm_id, told)


def _keep_last(connection: Connection[Any], reader: Reader, events: Sequence[Event], vanished: Vanished) -> None:
    """Of somebody who has vanished the event has the last state, which nobody can read any more: it may hold an
    opt-out that was given a moment before. It is used for that alone.
    """
    states = {
        **dict.fromkeys(vanished.deleted, people.DELETED),
        **dict.fromkeys(vanished.gone, people.GONE),
        **dict.fromkeys(vanished.merged, people.MERGED),
    }
    last: list[PersonRecord] = []
    for event in events:
        if event.crm_id in states and isinstance(event.meta.get("last"), Mapping):
            with suppress(RecordError):
                last.append(normal({**event.meta["last"], "id": event.crm_id}))
    reader.understand(last)
    at = reader.now()
    with transaction(connection):
        for record in last:
            into = vanished.merged.get(record.id)
            people.note_last(connection, record, state=states[record.id], by="webhook", at=at, merged_into=into)
        inherit_removals(connection, reader.fields, vanished.merged)


def _land_people(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    reader: Reader,
    outcomes: Mapping[str, str],
    handled: Handled,
) -> None:
    with transaction(connection), connection.cursor() as cursor:
        if not people.count_waiting(cursor):
            pulls.events_handled(cursor, outcomes)
            return
    at = pulls.utc_now()
    pull_id = f"{PERSONS}-webhooks-{at:%Y%m%dT%H%M%S%f}"
    pull = pulls.open_pull(connection, PERSONS, pull_id=pull_id, detail={"events": dict(outcomes)})
    handled.landed[PERSONS] = land_people(settings, database, connection, pull, reader.fields, at=at, suffix="webhooks")


def _things(
    settings: Settings,
    connection: Connection[Any],
    client: PipedriveClient,
    reader: Reader,
    source: str,
    events: Sequence[Event],
) -> Landing:
    at = pulls.utc_now()
    ids = sorted({event.crm_id for event in events})
    outcomes = {event.event_id: "read" for event in events}
    pull_id = f"{source}-webhooks-{at:%Y%m%dT%H%M%S%f}"
    items = []
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        lists = [client.list_activities] if source == ACTIVITIES else [client.list_deals, _archived(client)]
        for read in lists:
            items += read(ids=some).items
    pull = pulls.open_pull(connection, source, pull_id=pull_id, detail={"events": outcomes})
    pulls.put_page(settings, pull, reader.kept(source, items))
    with transaction(connection), connection.cursor() as cursor:
        pull = pulls.note_page(cursor, pull, None, len(items), read=True, detail={})
    return land_things(settings, connection, client, pull, reader.fields, at=at, suffix="webhooks")


def _finish_left(settings: Settings, database: Database, connection: Connection[Any]) -> None:
    """Finish what killed processes had read and decided; what they had not decided, its events bring again."""
    finish_decided(settings, connection)
    for left in pulls.unfinished(connection, PERSONS, ACTIVITIES, DEALS):
        if "events" not in left.detail:
            continue
        if left.is_decided:
            with pipedrive(settings, database, purpose=_PURPOSE) as client:
                fields = person_fields(settings, client)
                land_things(settings, connection, client, left, fields, at=left.started_at, suffix="webhooks")
        else:
            with transaction(connection), connection.cursor() as cursor:
                pulls.finish(cursor, left, pulls.EMPTY)


def _outcomes(events: Sequence[Event], vanished: Vanished) -> dict[str, str]:
    """Event -> what became of its person."""
    words = {
        **{number: f"merged into {into}" for number, into in vanished.merged.items()},
        **dict.fromkeys(vanished.deleted, "deleted"),
        **dict.fromkeys(vanished.gone, "not there"),
        **dict.fromkeys(vanished.refused, "may not be read"),
    }
    return {event.event_id: words.get(event.crm_id, "read") for event in events}


def _new(connection: Connection[Any]) -> list[Event]:
    with connection.cursor() as cursor:
        cursor.execute(_NEW, (AT_ONCE,))
        rows = cursor.fetchall()
    connection.commit()
    return [
        Event(event_id, entity, crm_id, action, json.loads(meta), json.loads(changed or "[]"))
        for event_id, entity, crm_id, action, meta, changed in rows
    ]


def _archived(client: PipedriveClient) -> Any:
    return lambda ids: client.list_deals(ids=ids, archived=True)


def _number(value: object) -> int | None:
    text = str(value if value is not None else "")
    return int(text) if text.isdecimal() else None
