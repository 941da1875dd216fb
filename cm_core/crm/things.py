"""Activities and deals that land: each line with its person's name, phone and e-mail, by which it finds its person.

They are kept nowhere but in the lake; what lands is what the pull read, each record once. A day that was pulled before
and brings the very same lines lands nothing (SAME).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, pulls
from cm_core.crm.client import PipedriveClient
from cm_core.crm.fields import PersonFields
from cm_core.crm.landing import Landing
from cm_core.crm.pulls import EMPTY, LANDED, OPEN, SAME, Pull
from cm_core.crm.records import ContactPoint, PersonRecord, normal
from cm_core.settings import Settings
from cm_core.store.locks import transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection


def land_things(
    settings: Settings,
    connection: Connection[Any],
    client: PipedriveClient,
    pull: Pull,
    fields: PersonFields,
    *,
    at: datetime,
    suffix: str,
) -> Landing:
    """Let what the pull read land, as one file. `connection` holds the pulls' lock; called again after a kill, it lands
    the same file, once.
    """
    if not pull.is_decided:
        lines = _lines(settings, connection, client, pull, fields)
        count, checksum = pulls.put_lines(settings, pull, "landing.jsonl", lines)
        with transaction(connection), connection.cursor() as cursor:
            same = bool(count) and pull.day is not None and pulls.checksum_before(cursor, pull) == checksum
            is_new = count and not same
            key = pulls.free_landing_key(settings, pull, pull.source, at, suffix) if is_new else None
            pull = pulls.decide(cursor, pull, key, checksum if count else None, lines=0 if same else count, same=same)
    pulls.land(settings, pull, f"{pull.folder}/landing.jsonl")
    if pull.state == OPEN:
        state = LANDED if pull.landing_key else SAME if pull.detail.get("same") else EMPTY
        with transaction(connection), connection.cursor() as cursor:
            pulls.finish(cursor, pull, state)
            if events := pull.detail.get("events"):
                pulls.events_handled(cursor, events)
    return Landing(int(pull.detail.get("lines", 0)), pull.landing_key)


def with_person(thing: Mapping[str, Any], person: PersonRecord | None) -> dict[str, Any]:
    """The record and its person's contact points: the primary ones, or the first."""
    return {
        **thing,
        "person_name": person.name if person else None,
        "person_phone": _first(person.phones) if person else None,
        "person_email": _first(person.emails) if person else None,
    }


def _lines(
    settings: Settings, connection: Connection[Any], client: PipedriveClient, pull: Pull, fields: PersonFields
) -> Iterator[dict[str, Any]]:
    latest: dict[int, tuple[str, int, int]] = {}
    for number, page in enumerate(pulls.pages(settings, pull)):
        for place, thing in enumerate(page):
            mine = (str(thing.get("update_time") or ""), number, place)
            latest[thing["id"]] = max(latest.get(thing["id"], mine), mine)
    for number, page in enumerate(pulls.pages(settings, pull)):
        chosen = [thing for place, thing in enumerate(page) if latest[thing["id"]][1:] == (number, place)]
        ids = {person for thing in chosen if (person := person_of(thing)) is not None}
        known, erased = _people(connection, client, sorted(ids), fields)
        for thing in chosen:
            if (person := person_of(thing)) not in erased:
                yield with_person(thing, known.get(person or 0))


def _people(
    connection: Connection[Any], client: PipedriveClient, ids: Sequence[int], fields: PersonFields
) -> tuple[dict[int, PersonRecord], set[int]]:
    """The people of these ids as last read, or read now, and those whose data was deleted: of these nothing lands."""
    with connection.cursor() as cursor:
        known = people.records_of(cursor, ids)
        erased = people.erased_of(cursor, ids)
        read_at = people.now(cursor)
    connection.commit()
    if missing := [each for each in ids if each not in known and each not in erased]:
        found = [normal(item) for item in client.persons_of(missing)]
        with transaction(connection):
            people.note_read(connection, found, read_at=read_at, fields=fields)
        known |= {record.id: record for record in found}
    return known, erased


def person_of(thing: Mapping[str, Any]) -> int | None:
    """The id of the person whom an activity or a deal is about."""
    found = thing.get("person_id")
    if isinstance(found, Mapping):  # v1's
        found = found.get("value")
    return found if isinstance(found, int) else None


def _first(points: Sequence[ContactPoint]) -> str | None:
    chosen = next((point for point in points if point.primary), next(iter(points), None))
    return chosen.value if chosen else None
