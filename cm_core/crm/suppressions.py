"""Do-not-contact facts reach the CRM at once, apart from everything else: a plan of their own, applied as it is made.

Whoever has somebody in the CRM and a channel closed to them that the CRM does not know of is updated in that field
alone. The reserve of the day's tokens pays. While another apply is under way, it is that one that takes these steps,
before its own. Who had their data deleted is closed there as well, without a plan: there is nothing left to plan with.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compliance.newest import suppressions_mark
from cm_core.compliance.rule_book import load_rules
from cm_core.compute import session
from cm_core.crm import steps
from cm_core.crm.apply import LOCK, Applied, apply_plan
from cm_core.crm.client import TOKENS, pipedrive
from cm_core.crm.do_not_contact import channels_closed
from cm_core.crm.fields import CHANNELS, PersonFields
from cm_core.crm.merge_fields import DO_NOT_CONTACT, VERDICTS, Agreed, Side, resolve
from cm_core.crm.plan import Draft, database_time, new_plan_id, planning, ready_fields, write_plan
from cm_core.crm.population import crm_person, read_owners, want
from cm_core.crm.population_statements import RECORD_ID
from cm_core.crm.records import canonical
from cm_core.crm.sides import AddressKeys, theirs_of
from cm_core.crm.steps import SUPPRESSIONS, Step, change_of
from cm_core.errors import WriterBusy
from cm_core.settings import Settings
from cm_core.store.locks import looking, named_lock, transaction
from cm_core.web import ApiRefused, NotThere

if TYPE_CHECKING:
    from cm_core.store.database import Database

_PURPOSE = "suppressions"
_LINKED = """
select entity_id from owned
union
select entity_id from crm_persons where state = 'live' and entity_id is not null
"""
# Who had their data deleted has no identifier any more: the CRM's memory of whose a person was is what is left.
_CLOSED = """
select c.crm_person_id, c.record, c.agreed, c.manual, c.has_landed = 1, d.entity_id, d.channels
from do_not_contact as d
inner join (
    select crm_person_id, entity_id from owned
    union
    select crm_person_id, entity_id from crm_persons
    where state = 'live' and entity_id is not null and crm_person_id not in (select crm_person_id from owned)
) as o on o.entity_id = d.entity_id
inner join crm_persons as c on c.crm_person_id = o.crm_person_id
where c.state = 'live'
order by c.crm_person_id
"""
# `agreed` says that it was told: a deletion empties it.
_ERASED = "select crm_person_id from crm_persons where state = 'erased' and agreed is null order by crm_person_id"
_TOLD = "update crm_persons set agreed = %s where crm_person_id = %s and state = 'erased'"
_LINKS = f"select coalesce(max(id), 0), count(*) from person_identifiers where id_type = '{RECORD_ID}'"
_DATA_DELETED = "No: data deleted"
_MOST_NAMED = 20
_LOOKS = 600
_PAUSE_S = 1.0


def up_to(database: Database) -> str:
    """How far what the CRM has to know has come: another text means that there are new requests, facts, or people of
    the CRM whom they may be about.
    """
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_LINKS)
        newest, count = cursor.fetchone() or (0, 0)
    return f"{suppressions_mark(database)}, link {int(newest)} of {int(count)}"


def plan_suppressions(settings: Settings, database: Database, fields: PersonFields, *, requested_by: str) -> str | None:
    """Plan what the CRM does not know yet of who may not be contacted; the plan's id, None where there is nothing.

    Reads the canonical tables, not the marts. No request is made.
    """
    with closing(database.connect()) as connection, session(settings) as con, planning(connection):
        at = database_time(connection)
        with looking(connection):
            read_owners(connection, con, candidates=False)
            want(connection, con, _LINKED)
            channels_closed(connection, con, load_rules(), at=at)
        draft = Draft(new_plan_id(at), fields, at)
        _draft(draft, con)
        if not draft.steps:
            return None
        write_plan(settings, connection, draft, SUPPRESSIONS, at=at, left_out={}, by=requested_by)
        return draft.plan_id


def push_suppressions(settings: Settings, database: Database, *, requested_by: str) -> Applied | None:
    """Plan and apply at once; None where the CRM knows everything. Raises the errors of `apply_plan`.

    While another apply is under way, waits until that one has taken the steps.
    """
    with pipedrive(settings, database, purpose=_PURPOSE) as client:
        fields = ready_fields(settings, client)
    plan_id = plan_suppressions(settings, database, fields, requested_by=requested_by)
    applied = None if plan_id is None else _apply(settings, database, plan_id)
    close_erased(settings, database, fields)
    return applied


def close_erased(settings: Settings, database: Database, fields: PersonFields) -> int:
    """Close every channel in the CRM to who had their data deleted with us, once; how many. The reply is not kept.

    It may be sent twice where no answer comes: nobody else writes these fields, but for ticks, which are all set.
    Raises the errors of `cm_core.web`, and WriterBusy while another process applies for long; ApiRefused, after
    everybody was tried, with those whom the CRM did not let us change: they are tried again next time.
    """
    said = Agreed(do_not_contact=frozenset(CHANNELS))
    custom: dict[str, Any] = {fields.codes[DO_NOT_CONTACT]: fields.option_ids(DO_NOT_CONTACT, CHANNELS)}
    custom |= {fields.codes[name]: _DATA_DELETED for name in VERDICTS.values()}
    with closing(database.connect()) as connection:
        with connection.cursor() as cursor:
            cursor.execute(_ERASED)
            erased = [int(number) for (number,) in cursor.fetchall()]
        connection.commit()
        if not erased:
            return 0
        refused: dict[int, ApiRefused] = {}
        wait_s = _LOOKS * _PAUSE_S
        with named_lock(connection, LOCK, timeout_s=wait_s), pipedrive(settings, database, purpose=_PURPOSE) as client:
            for crm_id in erased:
                try:
                    with suppress(NotThere):  # deleted there too
                        client.update_person(crm_id, {"custom_fields": custom}, from_reserve=True)
                except ApiRefused as error:
                    if error.of_the_account:
                        raise
                    refused[crm_id] = error
                    continue
                with transaction(connection), connection.cursor() as cursor:
                    cursor.execute(_TOLD, (canonical(said.as_json()), crm_id))
    if refused:
        raise _still_open(refused)
    return len(erased)


def _still_open(refused: dict[int, ApiRefused]) -> ApiRefused:
    error = next(iter(refused.values()))
    more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
    return ApiRefused(
        f"Pipedrive does not let us change people whose data were deleted here: {error} Delete them there, or let the "
        f"user of the token edit them: persons {', '.join(map(str, list(refused)[:_MOST_NAMED]))}{more}.",
        status=error.status,
    )


def _apply(settings: Settings, database: Database, plan_id: str) -> Applied:
    for _ in range(_LOOKS):
        try:
            return apply_plan(settings, database, plan_id, lock_timeout_s=0)
        except WriterBusy:
            time.sleep(_PAUSE_S)
            with closing(database.connect()) as connection, connection.cursor() as cursor:
                row = steps.plan_row(cursor, plan_id)
            if not row.steps.get("waiting") and not row.steps.get("sending"):
                return Applied(plan_id, row.state, row.steps, applied=row.steps.get("applied", 0))
    return apply_plan(settings, database, plan_id)


def _draft(draft: Draft, con: duckdb.DuckDBPyConnection) -> None:
    keys = AddressKeys()
    rows: list[tuple[Any, ...]] = con.execute(_CLOSED).fetchall()
    for crm_id, record, agreed, manual, has_landed, entity_id, channels in rows:
        person = crm_person(crm_id, record, agreed, manual, has_landed, entity_id)
        theirs = theirs_of(person.record, draft.fields, keys)
        ours = Side(do_not_contact=frozenset(channels))
        merge = resolve(person.agreed, ours, theirs)
        changes = tuple(change_of(outcome) for outcome in merge.pushes if outcome.field == DO_NOT_CONTACT)
        if changes:
            draft.add(Step("update", entity_id, person.id, changes, TOKENS["update"], ours, steps.FIRST))
        else:
            draft.counts["nothing"] += 1
