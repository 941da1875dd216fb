"""Carry out a plan: step by step, within the budget, so that a kill at any instant does nothing twice.

Who applies holds the lock `cm_crm_push`. Before a request goes out its step is `sending`, after its answer `applied` in
the transaction that notes what the CRM has now. A step found `sending` is looked up before anything else is done
(`settling`). An update is settled anew by the record that the CRM has at that moment, read together with no more people
than can be written in the same burst window: what somebody edited since the plan is not written over.

A write that cannot go out while its reading is fresh does not go out: its step waits, and the person is read again.

The budget is the limiter's: what it does not hold waits for the next day, and the plan is WAITING. Do-not-contact facts
may spend the reserve, and go before all else: those of a plan that was made meanwhile too. What has to be looked up
before them is paid from it as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cm_core.crm import links, noting, people, steps
from cm_core.crm.client import PipedriveClient, pipedrive
from cm_core.crm.closed import Closed, as_of_now, closed_now
from cm_core.crm.fields import PersonFields, refresh_fields
from cm_core.crm.merge_fields import DO_NOT_CONTACT, Agreed, Merge, Outcome, Side, heeding, resolve
from cm_core.crm.noting import Reading
from cm_core.crm.plan import FEW, chunk_size, ready_fields
from cm_core.crm.population import CrmPerson
from cm_core.crm.records import PersonRecord, normal
from cm_core.crm.settling import settle_sending
from cm_core.crm.sides import AddressKeys, body_of
from cm_core.crm.steps import FULL, PlanRow, Step
from cm_core.settings import Settings
from cm_core.store.locks import named_lock, transaction
from cm_core.web import ApiError, ApiRefused, ApiUnavailable, BudgetSpent, Busy, NotAllowed, NotThere, Unanswered, Usage

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

LOCK = "cm_crm_push"
#: A step that was not answered so often has failed.
MOST_ATTEMPTS = 5
#: Longer pauses are not sat out: the plan waits.
LONGEST_PAUSE_S = 120.0
#: Nobody is written by a reading that is older; the write itself may wait for a window of the burst more.
FRESH_S = 2.0
#: Writes in a row that had to wait too long, after which the rest waits.
_MOST_PUT_OFF = 5
#: Requests in a row without an answer after which the CRM is taken to be down.
_DOWN_AFTER = 5
#: People in a row with whom we may do nothing, after which that is about the account too.
_MOST_NOT_ALLOWED = 5
_DATE_ONLY = ("cm_checked",)
_FORBIDDEN = 403


@dataclass
class Applied:
    """What an apply came to. `steps`: the plan's steps by state; `waits_for`: why the rest waits, if it does.

    `resolved`: steps of which a process that is gone had not noted the end; `usage`: of the plan, all applies together.
    """

    plan_id: str
    state: str
    steps: dict[str, int] = field(default_factory=dict)
    applied: int = 0
    failed: int = 0
    resolved: int = 0
    linked: int = 0
    #: Of those that failed, the ones that another try may do: not those with whom we may do nothing.
    to_try_again: int = 0
    waits_for: str | None = None
    usage: Usage | None = None


def apply_plan(
    settings: Settings, database: Database, plan_id: str | None = None, *, kind: str = FULL, lock_timeout_s: float = 5.0
) -> Applied:
    """Carry out a plan, or go on with it; the latest of `kind` where none is named. All of it, or what today allows.

    Raises WriterBusy while another process applies, UsageError where there is no such plan, and the errors of
    `cm_core.web` where the CRM is down or refuses us; what was done is noted, and the next call goes on.
    """
    with closing(database.connect()) as connection, named_lock(connection, LOCK, timeout_s=lock_timeout_s):
        with connection.cursor() as cursor:
            plan = steps.plan_row(cursor, plan_id, kind=kind)
        connection.commit()
        with pipedrive(settings, database, purpose=plan.plan_id, max_wait_s=LONGEST_PAUSE_S) as client:
            run = _Run(settings, connection, client, plan)
            try:
                run.all()
            finally:
                run.linked = links.link_created(connection, timeout_s=lock_timeout_s)
                result = run.finish()
        return result


class _Run:
    """One apply of one plan. `connection` holds the lock: without it no step can be taken."""

    def __init__(self, settings: Settings, connection: Connection[Any], client: PipedriveClient, plan: PlanRow) -> None:
        self._settings = settings
        self._connection = connection
        self._client = client
        self._plan = plan
        self._keys = AddressKeys()
        self._fields: PersonFields = ready_fields(settings, client)
        self._are_fresh = False
        self._patience = FRESH_S + settings.pipedrive_burst_seconds
        self._unanswered = 0
        self._put_off = 0
        self._not_allowed = 0
        self.linked = 0
        self.result = Applied(plan.plan_id, plan.state)

    def all(self) -> None:
        """Everything that can be done now."""
        try:
            self.result.resolved = self._settle()
            self._work()
            # What was not answered meanwhile is looked up, and what it comes to is done.
            for _ in range(MOST_ATTEMPTS):
                if not self._settle():
                    break
                self._work()
        except (BudgetSpent, Busy) as error:
            self.result.waits_for = str(error)

    def finish(self) -> Applied:
        """Say in the database how far the plans are, and what this apply came to."""
        with transaction(self._connection), self._connection.cursor() as cursor:
            steps.give_up(cursor, MOST_ATTEMPTS, people.now(cursor))
            steps.close_finished(cursor, people.now(cursor))
            row = steps.plan_row(cursor, self._plan.plan_id)
        result = self.result
        result.state, result.steps, result.linked = row.state, row.steps, self.linked
        result.usage = self._client.usage()
        return result

    def _settle(self) -> int:
        with self._connection.cursor() as cursor:
            first_waits = steps.first_waits(cursor, self._plan.plan_id)
        self._connection.commit()
        return settle_sending(
            self._settings, self._connection, self._client, self._fields, self._keys, first_waits=first_waits
        )

    def _work(self) -> None:
        with transaction(self._connection), self._connection.cursor() as cursor:
            steps.begin(cursor, self._plan.plan_id)
        while True:
            with self._connection.cursor() as cursor:
                chunk = steps.next_steps(
                    cursor, self._plan.plan_id, chunk_size(self._settings), most_attempts=MOST_ATTEMPTS
                )
            self._connection.commit()
            if not chunk:
                return
            # One kind of urgency at a time: what people asked for may spend what the others may not.
            first = [step for step in chunk if step.priority == chunk[0].priority and step.action == chunk[0].action]
            self._chunk(first)

    def _chunk(self, chunk: Sequence[Step]) -> None:
        """All of the chunk, or up to a write that was put off: what was read for the others is old after its pause."""
        before = self._put_off
        asked = [step.entity_id for step in chunk if step.action != "merge"]
        closed = closed_now(self._settings, self._connection, asked)
        reading = self._read(chunk) if chunk[0].action == "update" else Reading()
        for planned in chunk:
            step = as_of_now(planned, closed.get(planned.entity_id, Closed()))
            if step.action == "merge":
                self._merge(step)
            elif step.action == "create":
                if step.entity_id in closed and closed[step.entity_id].is_barred:
                    self._end(step, "superseded", "May not be contacted at all by now.")
                else:
                    self._create(step)
            elif (person := self._fresh(step, reading)) is not None:
                self._update(step, person)
            if self._put_off > before:
                return

    # Updates

    def _read(self, chunk: Sequence[Step]) -> Reading:
        """The people of a chunk, where one list is cheaper than each by itself."""
        ids = sorted({step.crm_person_id for step in chunk if step.crm_person_id is not None})
        if len(ids) < FEW:
            return Reading()
        return self._noted(ids, chunk[0])

    def _noted(self, ids: Sequence[int], step: Step) -> Reading:
        reading = noting.read(self._connection, self._client, self._fields, ids, from_reserve=_is_first(step))
        self._understand(person.record for person in reading.there.values())
        return reading

    def _fresh(self, step: Step, reading: Reading) -> CrmPerson | None:
        """The step's person as it is now: of the reading of its chunk while that is fresh, else read by itself.

        None where there is none to be written: the step has come to its end.
        """
        assert step.crm_person_id is not None
        number = step.crm_person_id
        person = reading.there.pop(number, None)
        if number not in reading.refused and (person is None or time.monotonic() - person.read_at > FRESH_S):
            reading = self._noted([number], step)
            person = reading.there.get(number)
        if number in reading.refused:
            self._not_read(step, reading.refused[number])
        elif person is None:
            self._end(step, "superseded", "Not there any more.")
        return person

    def _understand(self, records: Iterable[PersonRecord]) -> None:
        """Read the fields anew (once) where a record has an option that is not known; without tokens it just stays."""
        if not self._are_fresh and not all(self._fields.knows(record) for record in records):
            with suppress(BudgetSpent):
                self._fields, self._are_fresh = refresh_fields(self._settings, self._client), True

    def _update(self, planned: Step, person: CrmPerson) -> None:
        theirs = person.side(self._fields, self._keys)
        step = replace(planned, ours=heeding(person.agreed, planned.ours, theirs))
        merge = resolve(person.agreed, step.ours, theirs, person.authors)
        pushes = _wanted(step, merge)
        if not pushes:
            self._end(step, "applied")
            return
        body = body_of(merge, pushes, self._fields, person.record)
        with transaction(self._connection), self._connection.cursor() as cursor:
            read_at = people.now(cursor)
            if not steps.take(cursor, step, read_at):
                return
            people.about_to_write(self._connection, person.id, body, self._fields)
        try:
            wait = max(0.0, self._patience - (time.monotonic() - person.read_at))
            reply = self._client.update_person(person.id, body, from_reserve=_is_first(step), max_wait_s=wait)
        except ApiError as error:
            self._not_done(step, error)
            return
        self._answered()
        with transaction(self._connection), self._connection.cursor() as cursor:
            noting.pushed(
                self._connection, self._fields, self._keys, step, normal(reply), read_at, base=person.agreed,
                merge=merge, pushes=pushes,
            )  # fmt: skip
            steps.end(cursor, step, "applied", at=people.now(cursor))
        self.result.applied += 1

    # New people

    def _create(self, step: Step) -> None:
        with transaction(self._connection), self._connection.cursor() as cursor:
            read_at = people.now(cursor)
            if links.has_person(cursor, step.entity_id):
                steps.end(cursor, step, "superseded", at=read_at, error="Is there by now.")
                return
            if not steps.take(cursor, step, read_at):
                return
        merge = resolve(Agreed(), step.ours, Side())
        try:
            body = body_of(merge, merge.pushes, self._fields)
            reply = self._client.create_person(body, max_wait_s=self._patience)
        except ApiError as error:
            self._not_done(step, error)
            return
        self._answered()
        record = normal(reply)
        with transaction(self._connection), self._connection.cursor() as cursor:
            noting.created(self._connection, self._fields, self._keys, step, record, read_at)
            steps.end(cursor, step, "applied", at=people.now(cursor), crm_person_id=record.id)
        self.result.applied += 1

    # Merges

    def _merge(self, step: Step) -> None:
        assert step.crm_person_id is not None
        assert step.merge_with_id is not None
        ids = [step.crm_person_id, step.merge_with_id]
        reading = noting.read(self._connection, self._client, self._fields, ids)
        if reading.refused:
            self._not_read(step, next(iter(reading.refused.values())))
            return
        if len(reading.there) < len(ids):
            self._end(step, "superseded", "One of the two is not there any more.")
            return
        if not all(person.has_landed for person in reading.there.values()):
            self._end(step, "superseded", "Was edited there since: that comes in first.")
            return
        with transaction(self._connection), self._connection.cursor() as cursor:
            if not steps.take(cursor, step, people.now(cursor)):
                return
        try:
            self._client.merge_persons(step.crm_person_id, step.merge_with_id, max_wait_s=self._patience)
        except ApiError as error:
            self._not_done(step, error)
            return
        self._answered()
        try:
            with self._connection.cursor() as cursor:
                read_at = people.now(cursor)
            self._connection.commit()
            after = normal(self._client.get_person(step.merge_with_id))
        except (NotThere, NotAllowed, ApiUnavailable):
            return  # Left `sending`: it was done, and what it made of them is looked up.
        with transaction(self._connection), self._connection.cursor() as cursor:
            noting.merged_there(self._connection, self._fields, self._keys, step, after, read_at)
            steps.end(cursor, step, "applied", at=people.now(cursor))
        self.result.applied += 1

    # Ends

    def _end(self, step: Step, state: Any, reason: str | None = None) -> None:
        with transaction(self._connection), self._connection.cursor() as cursor:
            steps.end(cursor, step, state, at=people.now(cursor), error=reason)
        self.result.applied += state == "applied"

    def _answered(self) -> None:
        self._unanswered = self._put_off = self._not_allowed = 0

    def _not_read(self, step: Step, error: ApiError) -> None:
        """The step's person cannot be read, so that nothing was sent: it has failed. Raises what ends the apply."""
        if not isinstance(error, ApiUnavailable):
            self._not_done(step, error)
            return
        self._unanswered += 1
        if self._unanswered >= _DOWN_AFTER:
            raise error
        self._end(step, "failed", str(error))
        self.result.failed += 1
        self.result.to_try_again += 1

    def _not_done(self, step: Step, error: ApiError) -> None:
        """A request that did not succeed: it waits, has failed, or has to be looked up. Raises what ends the apply."""
        if isinstance(error, Unanswered | ApiUnavailable):
            # Left `sending`: whether it was carried out is not known.
            self._unanswered += 1
            if self._unanswered >= _DOWN_AFTER:
                raise error
            return
        is_refused = isinstance(error, ApiRefused)
        self._not_allowed += isinstance(error, NotAllowed)
        # What people asked for is tried with everybody: it is not held up by those with whom we may do nothing.
        is_ours = error.of_the_account or (
            isinstance(error, NotAllowed) and self._not_allowed >= _MOST_NOT_ALLOWED and not _is_first(step)
        )
        with transaction(self._connection), self._connection.cursor() as cursor:
            if step.crm_person_id is not None:
                people.not_written(self._connection, step.crm_person_id)
            if is_refused and not is_ours:
                gone = isinstance(error, NotThere)
                state: Any = "superseded" if gone else "failed"
                steps.end(cursor, step, state, at=people.now(cursor), error=str(error))
            else:
                # Shut out (403): it may be this one request that is not liked. The others go first next time.
                steps.give_back(cursor, step, untried=error.status != _FORBIDDEN)
        if isinstance(error, Busy) and error.seconds <= LONGEST_PAUSE_S and self._put_off < _MOST_PUT_OFF:
            self._put_off += 1
            time.sleep(error.seconds)
            return
        if not is_refused or is_ours:
            raise error
        self.result.failed += not isinstance(error, NotThere)
        self.result.to_try_again += not isinstance(error, NotThere | NotAllowed)


def _wanted(step: Step, merge: Merge) -> tuple[Outcome, ...]:
    """Of what the CRM does not have yet, what the step is about; a date alone is not worth a request."""
    pushes = merge.pushes
    if step.fields == (DO_NOT_CONTACT,):
        return tuple(outcome for outcome in pushes if outcome.field == DO_NOT_CONTACT)
    if tuple(outcome.field for outcome in pushes) == _DATE_ONLY and step.fields != _DATE_ONLY:
        return ()
    return pushes


def _is_first(step: Step) -> bool:
    return step.priority == steps.FIRST
