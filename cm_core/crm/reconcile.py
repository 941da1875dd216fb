"""Reconciliation: who is still there? All ids of the CRM are read and held against the people we know as live.

A list shows no deleted person, and a webhook may be lost; so whoever is known as live and was not seen in a whole walk
is asked for by id. Nobody is forgotten: a person that is not there any more stays as last read, with what became of it
(deleted, merged into whom, gone without anybody saying why). The walk reads every person whole, so that it mends what
was missed, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, pulls
from cm_core.crm.client import IDS_AT_ONCE, PipedriveClient, pipedrive
from cm_core.crm.inheriting import inherit_removals
from cm_core.crm.landing import land_people
from cm_core.crm.people import DELETED, GONE, MERGED
from cm_core.crm.pull import PullResult, Reader, result_of
from cm_core.crm.pulls import PERSONS, Pull
from cm_core.crm.records import normal
from cm_core.settings import Settings
from cm_core.store.locks import transaction
from cm_core.web import NotAllowed, NotThere

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

_ID = PERSONS + "-reconcile-"
_UNSEEN = """
select crm_person_id from crm_persons where state = 'live' and last_seen_at < %s order by crm_person_id
"""
_MERGED_BY_US = """
select merge_with_id from crm_steps
where action = 'merge' and crm_person_id = %s and state in ('sending', 'applied') and merge_with_id is not null
order by id desc limit 1
"""
_MERGED_BY_WEBHOOK = """
select meta from crm_webhooks where entity = 'person' and crm_id = %s and action = 'delete' order by received_at desc
"""


@dataclass
class Vanished:
    """What became of people who were not there, by id; `back` were there after all, `refused` we may not read."""

    deleted: list[int] = field(default_factory=list)
    merged: dict[int, int] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Reconciled:
    """What a reconciliation found: the pull it is, and who had vanished."""

    pull: PullResult
    vanished: Vanished


def reconcile(settings: Settings, database: Database) -> Reconciled:
    """Read all people of the CRM, find out what became of those who are not there, and let land what is new.

    Goes on where a killed one was. Costs 10 tokens for each 500 people, and 1 for each who has vanished.
    """
    with pulls.reading(database) as connection:
        pull = _open(connection)
        with pipedrive(settings, database, purpose=pull.pull_id) as client:
            reader = Reader(settings, connection, client)
            pull = reader.read(pull)
            vanished = Vanished()
            if not pull.is_decided:
                unseen = _unseen(connection, pull.started_at)
                vanished = look_at(connection, client, reader, unseen, by="reconcile")
            landing = land_people(
                settings, database, connection, pull, reader.fields, at=pull.started_at, suffix="reconcile"
            )
            done = pulls.pull_of(connection, pull.pull_id)
            return Reconciled(result_of(done, landing, client.usage(), reader), vanished)


def look_at(
    connection: Connection[Any],
    client: PipedriveClient,
    reader: Reader,
    ids: list[int],
    *,
    by: str,
    said: Mapping[int, int] | None = None,
) -> Vanished:
    """Ask for each of these people, note what became of them, and read anew who is there and into whom they merged.

    `said`: into whom somebody says that they merged; it counts only of those who are not there.
    """
    found = Vanished()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        listed: set[int] = set()
        if len(some) > 10:  # a list costs as much as ten people one by one
            read_at = reader.now()
            items = list(client.persons_of(some))
            listed = {normal(item).id for item in items}
            reader.note(items, read_at)
        found.back += sorted(listed)
        for person_id in some:
            if person_id not in listed:
                _look_at_one(connection, client, reader, person_id, by, (said or {}).get(person_id), found)
    survivors = sorted(set(found.merged.values()))
    for start in range(0, len(survivors), IDS_AT_ONCE):
        read_at = reader.now()
        reader.note(list(client.persons_of(survivors[start : start + IDS_AT_ONCE])), read_at)
    with transaction(connection):  # of whom nothing was known before
        inherit_removals(connection, reader.fields, found.merged)
    return found


def _look_at_one(
    connection: Connection[Any],
    client: PipedriveClient,
    reader: Reader,
    person_id: int,
    by: str,
    said: int | None,
    found: Vanished,
) -> None:
    read_at = reader.now()
    into, told_by = _merged_into(connection, person_id)
    into = into if into is not None else said
    try:
        record = normal(client.get_person(person_id))
    except NotThere:
        record = None
    except NotAllowed:
        found.refused.append(person_id)
        return
    if record is not None and record.id != person_id:  # the survivor is sent in place of the merged
        into, told_by = record.id, by
    elif record is not None and not record.is_deleted:
        reader.note([record.as_json()], read_at)
        found.back.append(person_id)
        return
    state = MERGED if into is not None else DELETED if record is not None else GONE
    with transaction(connection):
        at = _clock(connection)
        people.note_vanished(connection, person_id, state=state, by=told_by or by, at=at, merged_into=into)
        if record is not None and record.id == person_id:
            people.note_last(connection, record, state=state, by=told_by or by, at=at, merged_into=into)
        if into is not None:
            inherit_removals(connection, reader.fields, {person_id: into})
    if into is not None:
        found.merged[person_id] = into
    else:
        (found.deleted if state == DELETED else found.gone).append(person_id)


def _clock(connection: Connection[Any]) -> datetime:
    """The database's clock, in the transaction under way."""
    with connection.cursor() as cursor:
        return people.now(cursor)


def _merged_into(connection: Connection[Any], person_id: int) -> tuple[int | None, str | None]:
    """Whom the person was merged into, if one of our merges or a webhook says so, and which of them does."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGED_BY_US, (person_id,))
        row = cursor.fetchone()
        ours = int(row[0]) if row else None
        cursor.execute(_MERGED_BY_WEBHOOK, (person_id,))
        metas = [json.loads(meta) for (meta,) in cursor.fetchall()]
    connection.commit()
    if ours is not None:
        return ours, "our own merge"
    told = next((int(meta["merged_to_id"]) for meta in metas if str(meta.get("merged_to_id") or "").isdigit()), None)
    return told, "webhook" if told is not None else None


def _unseen(connection: Connection[Any], since: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_UNSEEN, (since,))
        found = [int(number) for (number,) in cursor.fetchall()]
    connection.commit()
    return found


def _open(connection: Connection[Any]) -> Pull:
    """The reconciliation that is under way, or a new one."""
    for left in pulls.unfinished(connection, PERSONS):
        if left.pull_id.startswith(_ID):
            return left
    return pulls.open_pull(connection, PERSONS, pull_id=f"{_ID}{pulls.utc_now():%Y%m%dT%H%M%S%f}")
