"""What must hold at the end of the month. Every message names whom and what it is about."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from cm_core.crm import PersonFields
from cm_core.hygiene.addresses import standardize_address
from tests.e2e.month.history import CHANNELS, Human
from tests.e2e.month.month import Month
from tests.integration.imports.steps import query

_OWNERS = """
select distinct i.id_value, p.entity_id
from person_identifiers as i inner join persons as p on p.id = i.person_id
where i.id_type = 'record:pipedrive_person'
"""
_ENTITIES = """
select e.email_key, p.entity_id from email_addresses as e inner join persons as p on p.id = e.person_id
"""
_GOLDEN = "select entity_id, display_name from int_golden_persons"
_PHONES = "select entity_id, phone_e164 from int_entity_phones where phone_e164 is not null"
_ADDRESSES = """
select entity_id, concat_ws(', ', street, city, concat_ws(' ', state, zip)) from int_entity_addresses
where is_primary = 1
"""
_CREATED = """
select entity_id, count(*) from crm_steps where action = 'create' and state = 'applied' group by entity_id
having count(*) > 1
"""
_CALLS = """
select external_id, status, metadata from touchpoints where source = 'ringcentral' and touchpoint_type = 'call'
"""
_DECIDED = """
select resolved_at, field, base, ours, theirs, result, winner, rule from crm_resolutions
where crm_person_id = %s and field not like 'cm%%' order by id
"""
_KNOWN = "select agreed, manual, changed, pushed, landed_hash <=> record_hash from crm_persons where crm_person_id = %s"
_OPT_OUTS = "select channel, phone_e164, email_key from opt_outs"


def problems(month: Month, fields: PersonFields) -> list[str]:
    """Everything that does not hold."""
    found = [*_limits(month), *_calls(month)]
    ours = _Ours(month)
    merged = [crm_id for human in month.world.humans for crm_id in human.merged]
    lost = [crm_id for crm_id in merged if ours.crm.get(crm_id) == ("gone", None)]
    if len(lost) > max(1, len(merged) // 10):
        found.append(f"of {len(merged)} people merged in the CRM, {len(lost)} are gone and nobody knows where: {lost}")
    for human in month.world.humans:
        if wrong := _of_human(month, fields, human, ours):
            found += [*wrong, *_story(month, human)]
    found += _owners(month)
    return found


def _story(month: Month, human: Human) -> list[str]:
    """What our side has decided about somebody: to be read with what does not hold."""
    found = []
    for crm_id in human.crm_ids:
        for row in query(month.database, _DECIDED, (crm_id,)):
            found.append("    " + " ".join(str(part) for part in row))
        for row in query(month.database, _KNOWN, (crm_id,)):
            found.append("    " + " ".join(str(part) for part in row))
    return found


class _Ours:
    """Our side, read once."""

    def __init__(self, month: Month) -> None:
        database = month.database
        self.entity_of = dict(query(database, _ENTITIES))
        self.entities: dict[str, set[int]] = {}
        for email, entity in query(database, _ENTITIES):
            self.entities.setdefault(email, set()).add(entity)
        self.names = dict(query(database, _GOLDEN))
        self.phones: dict[int, set[str]] = {}
        for entity, phone in query(database, _PHONES):
            self.phones.setdefault(entity, set()).add(phone)
        self.addresses = dict(query(database, _ADDRESSES))
        self.opt_outs = {(channel, phone or email) for channel, phone, email in query(database, _OPT_OUTS)}
        self.crm = {
            row[0]: row[1:] for row in query(database, "select crm_person_id, state, merged_into from crm_persons")
        }


def _of_human(month: Month, fields: PersonFields, human: Human, ours: _Ours) -> list[str]:
    found: list[str] = []

    def expect(what: str, expected: Any, there: Any, log: Any = "") -> None:
        if expected != there:
            found.append(f"{human}: {what} should be {expected!r} and is {there!r}. {log}")

    if not (human.is_ours or human.was_there):
        return found
    entities = ours.entities.get(human.email, set()).union(*(ours.entities.get(each, set()) for each in human.others))
    expect("number of entities", 1, len(entities))
    if len(entities) != 1:
        return found
    (entity,) = entities
    for crm_id in human.deleted:
        expect(f"state of the deleted {crm_id}", "deleted", ours.crm.get(crm_id, ("missing",))[0])
    for crm_id, into in human.merged.items():
        # Into whom somebody merged them, only webhooks say, and one in ten is lost.
        known = ours.crm.get(crm_id)
        expect(
            f"state of the merged {crm_id}", ("merged", into), ("merged", into) if known == ("gone", None) else known
        )
    if human.was_there:
        wanted = 0 if human.deleted else 1
        expect("number of people in the CRM", wanted, len(human.crm_ids))
    elif human.answered and not human.said.get("call") and len(human.said) < 4:
        found.append(f"{human}: called us on {human.answered[0]} and was not created in the CRM")
    expect("golden name", _plain(human.name.value), _plain(ours.names.get(entity)), human.name.log)
    if human.address.value:
        key = _address_key(human.address.value)
        expect("golden address", key, _address_key(ours.addresses.get(entity)), human.address.log)
    missing = human.phones.ours - ours.phones.get(entity, set())
    expect("phones that we lack", set(), missing)
    for said in human.opted_out:
        keys = {(said["channel"], said["key"]), ("all", said["key"])}
        if not keys & ours.opt_outs:
            found.append(f"{human}: the opt-out {said} is not in ours")
    for crm_id in human.crm_ids:
        _in_the_crm(month, fields, human, entity, crm_id, expect, ours)
    return found


def _in_the_crm(
    month: Month, fields: PersonFields, human: Human, entity: int, crm_id: int, expect: Any, ours: _Ours
) -> None:
    person = month.crm.person(crm_id)
    custom = person["custom_fields"]
    expect(f"is_deleted of {crm_id}", False, person["is_deleted"])
    expect(f"state of {crm_id}", "live", ours.crm.get(crm_id, ("missing",))[0])
    expect("CRM's name", _plain(human.name.value), _plain(person["name"]), human.name.log)
    address = (custom.get(fields.codes["mailing_address"]) or {}).get("value")
    if human.address.value:
        expect("CRM's address", _address_key(human.address.value), _address_key(address), human.address.log)
    expect("CRM's phones", human.phones.expected_there, {each["value"] for each in person["phones"]},
           f"removed {human.phones.removed}")  # fmt: skip
    expect("CRM's e-mails", human.emails.expected_there, {each["value"] for each in person["emails"]})
    expect("CM entity", str(entity), custom.get(fields.codes["cm_entity"]))
    options = fields.options[fields.codes["do_not_contact"]]
    there = {options[each].lower() for each in custom.get(fields.codes["do_not_contact"]) or []}
    expect("opt-outs that the CRM lacks", set(), human.closed - there, human.said)
    expect("opt-outs that nobody said", set(), there - human.may_be_closed, human.said)
    words = {"call": "cm_call", "sms": "cm_text", "email": "cm_email", "mail": "cm_mail"}
    for channel in CHANNELS:
        said = custom.get(fields.codes[words[channel]]) or ""
        if channel in human.closed:
            expect(f"verdict on {channel}", True, said.startswith("No: "), said)


def _owners(month: Month) -> list[str]:
    """No person of the CRM has two entities; no entity has two live people there."""
    found = []
    into = dict(query(month.database, "select crm_person_id, merged_into from crm_persons where state = 'merged'"))
    live = {crm_id for (crm_id,) in query(month.database, "select crm_person_id from crm_persons where state = 'live'")}
    owners: dict[int, set[int]] = {}
    for crm_id, entity in query(month.database, _OWNERS):
        crm_id = int(crm_id)
        while crm_id in into:
            crm_id = into[crm_id]
        owners.setdefault(crm_id, set()).add(entity)
    found += [f"CRM person {crm_id} has the entities {those}" for crm_id, those in owners.items() if len(those) > 1]
    people = Counter(entity for crm_id, those in owners.items() if crm_id in live for entity in those)
    found += [f"entity {entity} has {count} live people of the CRM" for entity, count in people.items() if count > 1]
    found += [f"entity {entity} was created {count} times" for entity, count in query(month.database, _CREATED)]
    known = {crm_id for human in month.world.humans for crm_id in (*human.crm_ids, *human.deleted, *human.merged)}
    found += [f"CRM person {crm_id} was put there by nobody" for crm_id in sorted(live - known)]
    found += [f"CRM person {crm_id} was put there twice, and merged" for crm_id in sorted(month.world.strangers_there)]
    # Who was deleted is gone for good 30 days later: only the live ones are counted.
    count, expected = month.crm.control("state")["persons"], sum(len(human.crm_ids) for human in month.world.humans)
    if count != expected:
        found.append(f"the CRM has {count} live people, and {expected} were put there and left there")
    return found


def _calls(month: Month) -> list[str]:
    """Every call is a touchpoint, once, with its last result."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for external_id, status, metadata in query(month.database, _CALLS):
        rows.setdefault(external_id, []).append((status, json.loads(metadata)))
    found = []
    for call in month.phone.calls():
        mine = rows.pop(call["id"], [])
        if len(mine) != 1:
            found.append(f"call {call['id']} of {call['startTime']} is {len(mine)} touchpoints")
        elif mine[0][0] != call["result"] or int(mine[0][1].get("duration_seconds") or 0) != call["duration"]:
            found.append(f"call {call['id']}: {call['result']}, {call['duration']} s; the touchpoint says {mine[0]}")
    found += [f"touchpoint {each} is of no call" for each in rows]
    return found


def _limits(month: Month) -> list[str]:
    usage, found = month.crm.usage(), []
    for name in ("burst_exceeded", "search_burst_exceeded", "daily_exceeded", "requests_during_pause", "blocked"):
        if usage[name]:
            found.append(f"Pipedrive counted {usage[name]} x {name}")
    budget = month.settings.pipedrive_daily_tokens
    found += [f"{day}: {spent} of {budget} tokens" for day, spent in usage["tokens_by_day"].items() if spent > budget]
    other = month.phone.usage()
    for name in ("exceeded", "requests_in_penalty"):
        if other[name]:
            found.append(f"RingCentral counted {other[name]} x {name}: {other}")
    return found


def _plain(name: str | None) -> str:
    return re.sub(r"[\W_]+", "", name or "").lower()


def _address_key(text: str | None) -> str | None:
    answer = standardize_address(text) if text else None
    return answer.address_key if answer else None
