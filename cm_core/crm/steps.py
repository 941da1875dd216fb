"""Plans and their steps in MySQL: `crm_plans`, `crm_steps`, `crm_resolutions`. What they mean is in `plan`, `apply`.

A step is waiting, then sending (committed before the request goes out), then applied or failed; what is waiting when a
newer plan is made is superseded. Whoever takes a step out of `waiting` does it by a comparison in the database, so that
a step is taken once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from cm_core.crm.merge_fields import Outcome, Side
from cm_core.crm.sides import as_json, from_json
from cm_core.errors import UsageError

if TYPE_CHECKING:
    from pymysql.connections import Connection

Action = Literal["create", "update", "merge"]
FULL, SUPPRESSIONS = "full", "suppressions"
READY, APPLYING, WAITING, DONE, SUPERSEDED = "READY", "APPLYING", "WAITING", "DONE", "SUPERSEDED"
OPEN_STATES = (READY, APPLYING, WAITING)
#: What goes first: what people asked for; then merges, and who is left of them; updates; new people; mere dates.
FIRST, OF_MERGES, OF_SURVIVORS, OF_PEOPLE, OF_NEW, OF_DATES = 0, 3, 4, 5, 6, 9

_AT_ONCE = 1_000
_ADD_PLAN = """
insert into crm_plans (plan_id, kind, state, made_at, counts, tokens, seconds, requested_by)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_ADD_STEP = """
insert into crm_steps
    (plan_id, priority, action, entity_id, crm_person_id, merge_with_id, changes, ours, tokens, state, attempts)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', %s)
"""
_TRIED = """
select crm_person_id, max(attempts)
from crm_steps
where state = 'waiting' and attempts > 0 and action = 'update' and crm_person_id is not null
group by crm_person_id
"""
_SUPERSEDE = """
update crm_steps as s
inner join crm_plans as p on p.plan_id = s.plan_id
set s.state = 'superseded', s.done_at = %s
where s.state = 'waiting' and p.kind in %s and p.plan_id <> %s and p.made_at <= %s
"""
_WHOM = """
select distinct s.crm_person_id
from crm_steps as s
inner join crm_plans as p on p.plan_id = s.plan_id
where s.state = 'waiting' and p.kind in %s and p.plan_id <> %s and p.made_at <= %s and s.crm_person_id is not null
"""
# A plan with a step that nobody knows the end of stays open: its next apply finds out.
_SUPERSEDE_PLANS = """
update crm_plans as p
set p.state = 'SUPERSEDED', p.finished_at = %s
where p.state in ('READY', 'APPLYING', 'WAITING') and p.kind in %s and p.plan_id <> %s and p.made_at <= %s
    and not exists (select 1 from crm_steps as s where s.plan_id = p.plan_id and s.state in ('waiting', 'sending'))
"""
_ADD_RESOLUTION = """
insert into crm_resolutions
    (crm_person_id, entity_id, field, base, ours, theirs, result, winner, rule, plan_id)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_COLUMNS = """
s.id, s.plan_id, s.priority, s.action, s.entity_id, s.crm_person_id, s.merge_with_id, s.changes, s.ours, s.tokens,
s.state, s.attempts, s.sent_at
"""
# Plans in the order of urgency: what people asked for goes before all else, whichever plan is being applied.
_NEXT = f"""
select {_COLUMNS}
from crm_steps as s
inner join crm_plans as p on p.plan_id = s.plan_id
where s.state = 'waiting' and p.state in ('READY', 'APPLYING', 'WAITING')
    and (p.plan_id = %s or p.kind = 'suppressions') and s.attempts < %s
order by p.kind = 'suppressions' desc, s.priority, s.attempts, s.id
limit %s
"""
_FIRST_WAITS = f"""
select exists (
    select 1
    from crm_steps as s
    inner join crm_plans as p on p.plan_id = s.plan_id
    where s.state = 'waiting' and s.priority = {FIRST} and p.state in ('READY', 'APPLYING', 'WAITING')
        and (p.plan_id = %s or p.kind = 'suppressions')
)
"""
_SENDING = f"select {_COLUMNS} from crm_steps as s where s.state = 'sending' order by s.id"
_GREATEST_ID = "select coalesce(max(crm_person_id), 0) from crm_persons"
#: Beside our side in `crm_steps.ours`, once the step was taken.
_KNOWN_TO = "known_to"
_TAKE = """
update crm_steps
set state = 'sending', attempts = attempts + 1, sent_at = %s, error = null, ours = coalesce(%s, ours)
where id = %s and state = 'waiting'
"""
_GIVE_BACK = """
update crm_steps
set state = 'waiting', error = %s, attempts = attempts - %s
where id = %s and state = 'sending'
"""
_GIVE_UP = """
update crm_steps as s
inner join crm_plans as p on p.plan_id = s.plan_id
set s.state = 'failed', s.done_at = %s, s.error = left(concat('Given up. ', coalesce(s.error, '')), 500)
where s.state = 'waiting' and s.attempts >= %s and p.state in ('READY', 'APPLYING', 'WAITING')
"""
_BEGIN = "update crm_plans set state = 'APPLYING' where plan_id = %s and state in ('READY', 'WAITING')"
_WAITS = """
update crm_plans as p
set p.state = 'WAITING'
where p.state = 'APPLYING'
    and exists (select 1 from crm_steps as s where s.plan_id = p.plan_id and s.state in ('waiting', 'sending'))
"""
_FINISHED = """
update crm_plans as p
set p.finished_at = %s,
    p.state = if(exists (select 1 from crm_steps as s where s.plan_id = p.plan_id and s.state in ('applied', 'failed'))
        or not exists (select 1 from crm_steps as s where s.plan_id = p.plan_id and s.state = 'superseded'),
        'DONE', 'SUPERSEDED')
where p.state in ('READY', 'APPLYING', 'WAITING')
    and not exists (select 1 from crm_steps as s where s.plan_id = p.plan_id and s.state in ('waiting', 'sending'))
"""
_END = """
update crm_steps
set state = %s, crm_person_id = coalesce(%s, crm_person_id), error = %s, done_at = %s
where id = %s and state in ('waiting', 'sending')
"""
_COUNTS = "select state, count(*), coalesce(sum(tokens), 0) from crm_steps where plan_id = %s group by state"
_PLAN = """
select plan_id, kind, state, made_at, counts, tokens, seconds, requested_by, finished_at
from crm_plans
"""
_STEPS = f"select {_COLUMNS}, s.error from crm_steps as s where s.plan_id = %s order by s.priority, s.id limit %s"
_LATEST = f"{_PLAN} where kind = %s order by made_at desc, plan_id desc limit 1"


@dataclass(frozen=True)
class Step:
    """One change of one person. `changes`: what the plan showed; `ours`: our side as the plan saw it.

    `known_to`: the greatest id of a person there that was known when the step was taken; whom it creates has a greater.
    """

    action: Action
    entity_id: int
    crm_person_id: int | None
    changes: tuple[dict[str, Any], ...]
    tokens: int
    ours: Side
    priority: int = OF_PEOPLE
    merge_with_id: int | None = None
    id: int = 0
    plan_id: str = ""
    state: str = "waiting"
    attempts: int = 0
    sent_at: datetime | None = None
    error: str | None = None
    known_to: int = 0

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the plan wanted to change."""
        return tuple(change["field"] for change in self.changes)


@dataclass(frozen=True)
class PlanRow:
    """A plan as it is kept. `tokens` and `seconds` are what all of it costs; `steps` counts its steps by state."""

    plan_id: str
    kind: str
    state: str
    made_at: datetime
    counts: dict[str, Any]
    tokens: int
    seconds: float
    requested_by: str
    finished_at: datetime | None
    steps: dict[str, int] = field(default_factory=dict)
    tokens_waiting: int = 0


def change_of(outcome: Outcome) -> dict[str, Any]:
    """What a plan shows of a field."""
    return {
        "field": outcome.field, "before": outcome.theirs, "after": outcome.result, "why": outcome.rule,
        "winner": outcome.winner,
    }  # fmt: skip


def add_plan(
    cursor: Any, plan_id: str, kind: str, steps: Sequence[Step], *, made_at: datetime, counts: dict[str, Any],
    tokens: int, seconds: float, requested_by: str, tried: Mapping[int, int],
) -> None:  # fmt: skip
    """Write a plan and its steps. `tried`: how often updates of people were tried that a plan before could not do."""
    state = READY if steps else DONE
    cursor.execute(_ADD_PLAN, (plan_id, kind, state, made_at, _json(counts), tokens, seconds, requested_by[:255]))
    for start in range(0, len(steps), _AT_ONCE):
        cursor.executemany(
            _ADD_STEP,
            [
                (plan_id, step.priority, step.action, step.entity_id, step.crm_person_id, step.merge_with_id,
                 _json(step.changes), _json(as_json(step.ours)), step.tokens,
                 tried.get(step.crm_person_id or 0, 0) if step.action == "update" else 0)
                for step in steps[start : start + _AT_ONCE]
            ],
        )  # fmt: skip


def tried(cursor: Any) -> dict[int, int]:
    """Of people with updates that wait, how often they were tried: who is shut out goes last in the next plan, too."""
    cursor.execute(_TRIED)
    return {int(person): int(attempts) for person, attempts in cursor.fetchall()}


def supersede(
    cursor: Any, plan_id: str, kinds: Sequence[str], at: datetime, *, of: Collection[int] | None = None
) -> None:
    """What waits of other plans of these kinds is superseded by this one, which looked at `at`; with `of`, what is
    about these people alone.

    Not what was planned later: making a plan takes minutes, and the newer one may know of somebody who asked meanwhile.
    """
    if of is None:
        cursor.execute(_SUPERSEDE, (at, tuple(kinds), plan_id, at))
    else:
        cursor.execute(_WHOM, (tuple(kinds), plan_id, at))
        whom = sorted({int(number) for (number,) in cursor.fetchall()} & set(of))
        for start in range(0, len(whom), _AT_ONCE):
            some = tuple(whom[start : start + _AT_ONCE])
            cursor.execute(f"{_SUPERSEDE} and s.crm_person_id in %s", (at, tuple(kinds), plan_id, at, some))
    cursor.execute(_SUPERSEDE_PLANS, (at, tuple(kinds), plan_id, at))


def add_resolutions(cursor: Any, rows: Iterable[tuple[int, int, Outcome]], plan_id: str) -> int:
    """Record outcomes (person of the CRM, entity, outcome); how many."""
    found = [
        (person, entity, one.field, _json(one.base), _json(one.ours), _json(one.theirs), _json(one.result), one.winner,
         one.rule, plan_id)
        for person, entity, one in rows
    ]  # fmt: skip
    for start in range(0, len(found), _AT_ONCE):
        cursor.executemany(_ADD_RESOLUTION, found[start : start + _AT_ONCE])
    return len(found)


def next_steps(cursor: Any, plan_id: str, count: int, *, most_attempts: int) -> list[Step]:
    """The next steps to be taken: of suppressions first, then of the plan."""
    cursor.execute(_NEXT, (plan_id, most_attempts, count))
    return [_step(*row) for row in cursor.fetchall()]


def first_waits(cursor: Any, plan_id: str) -> bool:
    """Whether something that people asked for is among the next steps of the plan."""
    cursor.execute(_FIRST_WAITS, (plan_id,))
    return bool(cursor.fetchone()[0])


def sending_steps(cursor: Any) -> list[Step]:
    """Steps of all plans of which nobody knows the end."""
    cursor.execute(_SENDING)
    return [_step(*row) for row in cursor.fetchall()]


def take(cursor: Any, step: Step, at: datetime) -> bool:
    """Take a step out of `waiting`; False: somebody else has, or a newer plan has superseded it.

    Our side is kept as it goes out: opt-outs since the plan are in it. So is who is known by now (`Step.known_to`).
    """
    cursor.execute(_GREATEST_ID)
    ours = {**as_json(step.ours), _KNOWN_TO: int(cursor.fetchone()[0])}
    return bool(cursor.execute(_TAKE, (at, None if step.action == "merge" else _json(ours), step.id)))


def give_back(cursor: Any, step: Step, reason: str | None = None, *, untried: bool = False) -> None:
    """The step was not carried out: it waits again. `untried`: nothing was sent, so that it does not count as a try."""
    cursor.execute(_GIVE_BACK, (reason[:500] if reason else None, int(untried), step.id))


def end(
    cursor: Any, step: Step, state: Literal["applied", "failed", "superseded"], *, at: datetime,
    crm_person_id: int | None = None, error: str | None = None,
) -> None:  # fmt: skip
    """The step has come to its end."""
    cursor.execute(_END, (state, crm_person_id, error[:500] if error else None, at, step.id))


def begin(cursor: Any, plan_id: str) -> None:
    """The plan is being applied."""
    cursor.execute(_BEGIN, (plan_id,))


def give_up(cursor: Any, most_attempts: int, at: datetime) -> None:
    """Steps that were tried so often without an end have failed."""
    cursor.execute(_GIVE_UP, (at, most_attempts))


def close_finished(cursor: Any, at: datetime) -> None:
    """Of every open plan: whether something of it waits, or it is at its end."""
    cursor.execute(_WAITS)
    cursor.execute(_FINISHED, (at,))


def plan_row(cursor: Any, plan_id: str | None = None, *, kind: str = FULL) -> PlanRow:
    """A plan by its id, or the latest of a kind. Raises UsageError where there is none."""
    if plan_id is None:
        cursor.execute(_LATEST, (kind,))
    else:
        cursor.execute(f"{_PLAN} where plan_id = %s", (plan_id,))
    row = cursor.fetchone()
    if row is None:
        wanted = f"There is no plan {plan_id!r}." if plan_id else "There is no plan yet."
        raise UsageError(f"{wanted} `cm crm plan` makes one.")
    name, kind, state, made_at, counts, tokens, seconds, by, finished_at = row
    cursor.execute(_COUNTS, (name,))
    found = {state: (int(count), int(cost)) for state, count, cost in cursor.fetchall()}
    return PlanRow(
        name, kind, state, made_at, json.loads(counts), int(tokens), float(seconds), by, finished_at,
        {state: count for state, (count, _) in found.items()}, found.get("waiting", (0, 0))[1],
    )  # fmt: skip


def steps_of(connection: Connection[Any], plan_id: str, *, most: int) -> list[Step]:
    """The first steps of a plan in the order in which they go."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, (plan_id, most))
        return [_step(*row) for row in cursor.fetchall()]


def _step(
    step_id: int, plan_id: str, priority: int, action: Action, entity_id: int, crm_person_id: int | None,
    merge_with_id: int | None, changes: str, ours: str | None, tokens: int, state: str, attempts: int,
    sent_at: datetime | None, error: str | None = None,
) -> Step:  # fmt: skip
    document = json.loads(ours) if ours else None
    return Step(
        action, int(entity_id), crm_person_id, tuple(json.loads(changes)), int(tokens),
        from_json(document) if document else Side(), int(priority), merge_with_id, int(step_id), plan_id, state,
        int(attempts), sent_at, error, int((document or {}).get(_KNOWN_TO, 0)),
    )  # fmt: skip


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=list)
