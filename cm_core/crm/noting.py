"""What is noted of people of the CRM when an apply has read or written them: reading, agreement, resolutions.

All of it in the caller's transaction, with the end of the step, so that both are there or neither is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, steps
from cm_core.crm.client import PipedriveClient
from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import Agreed, Merge, Outcome, Side, merged, resolve, settled
from cm_core.crm.opt_outs import had_there, new_lines, ticked_by_us
from cm_core.crm.plan import FEW
from cm_core.crm.population import CrmPerson, crm_person
from cm_core.crm.records import PersonRecord, canonical, normal
from cm_core.crm.sides import AddressKeys, theirs_of
from cm_core.crm.steps import Step
from cm_core.store.locks import retry_deadlocks, transaction
from cm_core.web import ApiError, ApiRefused, ApiUnavailable, NotThere

if TYPE_CHECKING:
    from pymysql.connections import Connection

_ROWS = """
select crm_person_id, record, agreed, manual, landed_hash <=> record_hash, entity_id, said
from crm_persons
where crm_person_id in %s and state = 'live'
"""
_AGREE = "update crm_persons set agreed = %s, entity_id = %s where crm_person_id = %s"
_OPT_OUTS = "select opt_outs, agreed from crm_persons where crm_person_id = %s for update"
_SET_OPT_OUTS = "update crm_persons set opt_outs = %s where crm_person_id = %s"
_LANDS_AGAIN = "update crm_persons set landed_hash = null where crm_person_id = %s and state <> 'erased'"
_IS_LANDED = "update crm_persons set landed_hash = record_hash, changed = '[]', pushed = null where crm_person_id = %s"
#: People in a row of whom no answer came, after which the CRM is taken to be down.
_OUTAGE = 3


@dataclass(frozen=True)
class Reading:
    """People of the CRM as they were just read: who is `there`, and of whom it was `refused` to say anything."""

    there: dict[int, CrmPerson] = field(default_factory=dict)
    refused: dict[int, ApiError] = field(default_factory=dict)


def rows(connection: Connection[Any], ids: Sequence[int]) -> dict[int, CrmPerson]:
    """Of these people the live ones, as they are known."""
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, (tuple(ids),))
        return {int(row[0]): crm_person(*row) for row in cursor.fetchall()}


def read(
    connection: Connection[Any], client: PipedriveClient, fields: PersonFields, ids: Sequence[int], *,
    from_reserve: bool = False,
) -> Reading:  # fmt: skip
    """Read people anew and note the reading; who is not there any more is noted as gone and left out.

    10 tokens for each hundred, or 1 each where they are fewer than ten. Transactions of its own. One person of whom
    the CRM gives no answer that can be used keeps nobody else waiting; several in a row are an outage, and raised.
    """
    if not ids:
        return Reading()
    with connection.cursor() as cursor:
        read_at = people.now(cursor)
    connection.commit()
    found: list[dict[str, Any]] = []
    asked: dict[int, float] = {}
    refused: dict[int, ApiError] = {}
    failures = 0
    if len(ids) >= FEW:
        found = list(client.persons_of(ids, from_reserve=from_reserve))
        asked = dict.fromkeys(ids, client.api.sent_at)
    # A list leaves people out for reasons of its own: who is missing in it is asked for by id.
    missing = set(ids) - {int(each["id"]) for each in found}
    for person_id in sorted(missing):
        try:
            found.append(client.get_person(person_id, from_reserve=from_reserve))
        except NotThere:
            continue
        except (ApiRefused, ApiUnavailable) as error:
            failures = failures + 1 if isinstance(error, ApiUnavailable) else 0
            if failures >= _OUTAGE or error.of_the_account:
                raise
            refused[person_id] = error
            continue
        failures = 0
        asked[person_id] = client.api.sent_at
    _note(connection, fields, [normal(each) for each in found], set(ids) - refused.keys(), read_at)
    live = rows(connection, ids)
    connection.commit()
    there = {
        number: replace(person, read_at=asked[number])
        for number, person in live.items()
        if number in asked and number not in refused
    }
    return Reading(there, refused)


@retry_deadlocks
def _note(
    connection: Connection[Any], fields: PersonFields, records: Sequence[PersonRecord], ids: set[int], read_at: datetime
) -> None:
    with transaction(connection):
        people.note_read(connection, records, read_at=read_at, fields=fields)
        for person_id in sorted(ids - {record.id for record in records}):
            people.note_vanished(connection, person_id, state=people.GONE, by="push", at=read_at)


def pushed(
    connection: Connection[Any], fields: PersonFields, keys: AddressKeys, step: Step, reply: PersonRecord,
    read_at: datetime, *, base: Agreed, merge: Merge, pushes: Sequence[Outcome],
) -> CrmPerson:  # fmt: skip
    """A write was answered: the reply is a reading, and what was pushed is agreed."""
    _note_ours(connection, fields, step, reply)
    people.note_read(connection, [reply], read_at=read_at, fields=fields)
    after = theirs_of(reply, fields, keys)
    agreed = settled(base, step.ours, after, merge, [outcome.field for outcome in pushes], only_pushed=True)
    agree(connection, fields, step, reply, agreed)
    with connection.cursor() as cursor:
        steps.add_resolutions(cursor, ((reply.id, step.entity_id, outcome) for outcome in pushes), step.plan_id)
    return rows(connection, [reply.id])[reply.id]


def created(
    connection: Connection[Any], fields: PersonFields, keys: AddressKeys, step: Step, record: PersonRecord,
    read_at: datetime,
) -> None:  # fmt: skip
    """A person was created. It does not land: everything it has is ours, and would get a newer date than it has."""
    people.note_read(connection, [record], read_at=read_at, fields=fields)
    ours, theirs = step.ours, theirs_of(record, fields, keys)
    merge = resolve(Agreed(), ours, Side())
    sent = [outcome.field for outcome in merge.pushes]
    with connection.cursor() as cursor:
        if resolve(Agreed(), ours, theirs).pushes == ():
            cursor.execute(_IS_LANDED, (record.id,))
        agree(connection, fields, step, record, settled(Agreed(), ours, theirs, merge, sent, only_pushed=True))
        steps.add_resolutions(cursor, ((record.id, step.entity_id, outcome) for outcome in merge.pushes), step.plan_id)


def merged_there(
    connection: Connection[Any], fields: PersonFields, keys: AddressKeys, step: Step, survivor: PersonRecord,
    read_at: datetime,
) -> None:  # fmt: skip
    """Two people are one there. `survivor`: as it is since."""
    assert step.crm_person_id is not None
    known = rows(connection, [step.crm_person_id, survivor.id])
    loser, kept = known.get(step.crm_person_id), known.get(survivor.id)
    people.note_vanished(
        connection, step.crm_person_id, state=people.MERGED, by=step.plan_id, at=read_at, merged_into=survivor.id
    )
    people.note_read(connection, [survivor], read_at=read_at, fields=fields)
    if loser is not None and kept is not None:
        before = (theirs_of(kept.record, fields, keys), theirs_of(loser.record, fields, keys))
        agreed = merged(kept.agreed, loser.agreed, before, theirs_of(survivor, fields, keys))
        agree(connection, fields, step, survivor, agreed)
    with connection.cursor() as cursor:
        outcome = Outcome("person", None, step.crm_person_id, survivor.id, survivor.id, "both", "merge")
        steps.add_resolutions(cursor, [(survivor.id, step.entity_id, outcome)], step.plan_id)


def agree(connection: Connection[Any], fields: PersonFields, step: Step, record: PersonRecord, agreed: Agreed) -> None:
    """Note what is agreed of a person, and that the opt-outs we have put there are not news of theirs.

    What others asked for there and has not landed does land: it may be about a contact point that we have added.
    """
    is_news = _note_ours(connection, fields, step, record)
    with connection.cursor() as cursor:
        cursor.execute(_AGREE, (canonical(agreed.as_json()), step.entity_id, record.id))
        if is_news:
            cursor.execute(_LANDS_AGAIN, (record.id,))


def _note_ours(connection: Connection[Any], fields: PersonFields, step: Step, record: PersonRecord) -> bool:
    """Note the opt-outs that are ours; whether the record has others that have not landed."""
    with connection.cursor() as cursor:
        cursor.execute(_OPT_OUTS, (record.id,))
        row: Any = cursor.fetchone()
        known = set(json.loads(row[0])) if row and row[0] else set()
        had = had_there(row[1] if row else None)
        said = known | ticked_by_us(record, fields, step.ours.do_not_contact, had)
        if said != known:
            cursor.execute(_SET_OPT_OUTS, (canonical(sorted(said)), record.id))
    return bool(new_lines(record, fields, said, had)[0])
