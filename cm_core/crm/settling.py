"""Steps of which nobody knows the end: the process was killed between its request and its note, or no answer came.

They are looked up before anything else is done. A request that was on its way when its process died may still arrive:
it is waited for as long as a request may take. Then the CRM is asked: for a new person by the entity's number in it,
among those with greater ids than were known when its step was taken; for an update and a merge by the people
themselves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cm_core.crm import noting, people, steps
from cm_core.crm.client import API, WRITES, PipedriveClient
from cm_core.crm.dialect import GENERAL
from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import SETS, SINGLE, Agreed, Pair, Side, resolve
from cm_core.crm.population import CrmPerson
from cm_core.crm.records import PersonRecord, normal
from cm_core.crm.sides import THERE, AddressKeys, theirs_of
from cm_core.crm.steps import Step
from cm_core.settings import Settings
from cm_core.store.locks import transaction
from cm_core.web import NotAllowed, NotThere

if TYPE_CHECKING:
    from pymysql.connections import Connection

# A request may have waited for its turn after its step was taken; its reservation is of the moment it was sent.
_LAST_WRITE = """
select max(requested_at) from api_requests
where api = %s and limit_group = %s and requested_at >= %s and call_name in %s and status is null
"""
_PUSHED = "select crm_person_id, pushed from crm_persons where crm_person_id in %s and pushed is not null"


def settle_sending(
    settings: Settings, connection: Connection[Any], client: PipedriveClient, fields: PersonFields, keys: AddressKeys,
    *, first_waits: bool,
) -> int:  # fmt: skip
    """Find out the end of every step that is `sending`, of whichever plan; how many. The caller holds the push lock.

    `first_waits`: something that people asked for comes after it. The reserve pays then, as it does for such steps.
    A merge of people whom we may not read stays as it is: it may have been done.
    """
    with connection.cursor() as cursor:
        found = steps.sending_steps(cursor)
    connection.commit()
    if not found:
        return 0
    taken = [step.sent_at for step in found if step.sent_at]
    with connection.cursor() as cursor:
        now = people.now(cursor)
        cursor.execute(_LAST_WRITE, (API, GENERAL, min(taken), WRITES))
        row: Any = cursor.fetchone()
    connection.commit()
    last = max(*taken, row[0] or now.min)
    if (wait := (last - now).total_seconds() + settings.web_timeout_seconds) > 0:
        time.sleep(wait)
    from_reserve = first_waits or any(step.priority == steps.FIRST for step in found)
    created = [step for step in found if step.action == "create"]
    _creates(connection, client, fields, keys, created, from_reserve=from_reserve)
    left = 0
    for step in found:
        if step.action == "merge":
            try:
                _merge(connection, client, fields, keys, step, from_reserve=from_reserve)
            except NotAllowed:
                left += 1
    updates = [step for step in found if step.action == "update"]
    _updates(connection, client, fields, keys, updates, from_reserve=from_reserve)
    return len(found) - left


def _creates(
    connection: Connection[Any], client: PipedriveClient, fields: PersonFields, keys: AddressKeys, some: Sequence[Step],
    *, from_reserve: bool,
) -> None:  # fmt: skip
    if not some:
        return
    with connection.cursor() as cursor:
        now = people.now(cursor)
    connection.commit()
    # Whoever was created by a request has a greater id than all who were known before it was sent.
    known = min(step.known_to for step in some)
    by_entity: dict[str, PersonRecord] = {}
    page_cursor: str | None = None
    while True:
        # Ids only grow: no clock is asked, theirs or ours.
        page = client.list_persons(sort_by="id", descending=True, cursor=page_cursor, from_reserve=from_reserve)
        new = [normal(item) for item in page.items if int(item["id"]) > known]
        by_entity |= {str(entity): record for record in new if (entity := fields.value(record, "cm_entity"))}
        if len(new) < len(page.items) or (page_cursor := page.next_cursor) is None:
            break
    for step in some:
        record_there = by_entity.get(str(step.entity_id))
        with transaction(connection), connection.cursor() as cursor:
            if record_there is None:
                steps.give_back(cursor, step, reason="No answer came, and it is not there.")
                continue
            noting.created(connection, fields, keys, step, record_there, now)
            steps.end(cursor, step, "applied", at=people.now(cursor), crm_person_id=record_there.id)


def _merge(
    connection: Connection[Any], client: PipedriveClient, fields: PersonFields, keys: AddressKeys, step: Step, *,
    from_reserve: bool,
) -> None:  # fmt: skip
    assert step.crm_person_id is not None
    assert step.merge_with_id is not None
    with connection.cursor() as cursor:
        read_at = people.now(cursor)
    connection.commit()
    loser, survivor = (
        _look(client, person, from_reserve=from_reserve) for person in (step.crm_person_id, step.merge_with_id)
    )
    with transaction(connection), connection.cursor() as cursor:
        if loser is not None:
            steps.give_back(cursor, step, reason="No answer came, and it was not done.")
        elif survivor is None:
            steps.end(cursor, step, "failed", at=people.now(cursor), error="Neither of the two is there any more.")
        else:
            noting.merged_there(connection, fields, keys, step, survivor, read_at)
            steps.end(cursor, step, "applied", at=people.now(cursor))


def _look(client: PipedriveClient, person_id: int, *, from_reserve: bool) -> PersonRecord | None:
    try:
        record = normal(client.get_person(person_id, from_reserve=from_reserve))
    except NotThere:
        return None
    # In place of somebody who was merged the survivor may be sent.
    return None if record.is_deleted or record.id != person_id else record


def _updates(
    connection: Connection[Any], client: PipedriveClient, fields: PersonFields, keys: AddressKeys, some: Sequence[Step],
    *, from_reserve: bool,
) -> None:  # fmt: skip
    ids = sorted({step.crm_person_id for step in some if step.crm_person_id is not None})
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_PUSHED, (tuple(ids),))
        sent = {int(person): json.loads(text) for person, text in cursor.fetchall()}
    connection.commit()
    reading = noting.read(connection, client, fields, ids, from_reserve=from_reserve)
    for step in some:
        person = reading.there.get(step.crm_person_id or 0)
        refusal = reading.refused.get(step.crm_person_id or 0)
        with transaction(connection), connection.cursor() as cursor:
            if refusal is not None:
                reason = f"No answer came, and whether it was done may not be read. {refusal}"
                steps.end(cursor, step, "failed", at=people.now(cursor), error=reason)
                continue
            if person is None:
                steps.end(cursor, step, "superseded", at=people.now(cursor), error="Not there any more.")
                continue
            agreed = _arrived(person, sent.get(person.id, {}), step, fields, keys)
            if agreed is None:
                people.not_written(connection, person.id)
                steps.give_back(cursor, step, reason="No answer came, and it was not done.")
                continue
            noting.agree(connection, fields, step, person.record, agreed)
            merge = resolve(agreed, step.ours, person.side(fields, keys), person.authors)
            if any(outcome.field in step.fields for outcome in merge.pushes):
                steps.give_back(cursor, step, reason="No answer came; it was done, and edited since.")
            else:
                done = [outcome for outcome in merge.outcomes if outcome.field in step.fields]
                steps.add_resolutions(cursor, [(person.id, step.entity_id, one) for one in done], step.plan_id)
                steps.end(cursor, step, "applied", at=people.now(cursor))


def _arrived(
    person: CrmPerson, sent: dict[str, Any], step: Step, fields: PersonFields, keys: AddressKeys
) -> Agreed | None:
    """What is agreed if the write was carried out; None if nothing of it is there.

    What was sent was there then: of it, what is not there now was removed by somebody since.
    """
    now = fields.by_our_names(person.record.fields)
    if not any(now.get(name) == value for name, value in sent.items() if value not in (None, [], "")):
        return None
    wrote = _side_of(sent, person.record, fields, keys)
    base = person.agreed
    known = {name: base.known.get(name, frozenset()) | wrote.keys(name) for name in SETS}
    pairs = dict(base.pairs)
    for name in SINGLE:
        if THERE.get(name, name) in sent:
            pairs[name] = Pair(step.ours.single(name).key, wrote.single(name).key, True, step.ours.at.get(name))
    return Agreed(pairs, known, base.do_not_contact | wrote.do_not_contact)


def _side_of(sent: dict[str, Any], record: PersonRecord, fields: PersonFields, keys: AddressKeys) -> Side:
    """What a write sent, as a side."""
    custom = {fields.codes[name]: value for name, value in sent.items() if name in fields.codes}
    body = {name: value for name, value in sent.items() if name not in fields.codes}
    base = {"id": record.id, "update_time": "2000-01-01T00:00:00Z", "custom_fields": custom}
    return theirs_of(normal({**base, **body}), fields, keys)
