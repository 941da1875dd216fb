"""The plan of a push: what would be created, updated and merged in the CRM, field by field, before anything goes out.

Everybody is read in a few set queries (`population`) and settled by the rules (`merge_fields`). What needs no request
is done with the plan: what both sides agree on is noted, and values that were settled for the CRM's side against newer
ones of ours land for import. The rest are steps for `apply`, which settles each of them again by what the CRM has by
then: a plan is what was seen, never an order to overwrite.

A plan supersedes what waits of those before it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cm_core.compliance.rule_book import load_rules
from cm_core.compute import session
from cm_core.crm import people, settlements, steps
from cm_core.crm.authors import Authors
from cm_core.crm.client import TOKENS, PipedriveClient
from cm_core.crm.fields import PersonFields, known_fields, person_fields
from cm_core.crm.merge_fields import DO_NOT_CONTACT, Agreed, Author, Merge, Outcome, Side, heeding, resolve, settled
from cm_core.crm.population import CrmPerson, Pair, Population, read_population
from cm_core.crm.records import canonical
from cm_core.crm.sides import AddressKeys
from cm_core.crm.steps import FULL, SUPPRESSIONS, PlanRow, Step, change_of
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store.locks import looking, named_lock, retry_deadlocks, transaction
from cm_core.web import ApiUnavailable, BudgetSpent

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

#: The date of a verdict goes out by itself when the one there is as old as a do-not-call list may be, less a day.
CHECKED_DAYS = 30
#: Of today's tokens that are left, the share that a plan may spend on asking who gave values.
_SHARE_OF_ASKING = 0.25
#: So few are read one by one, which is cheaper than a list.
FEW = 10
#: What a merge looks at to choose who survives.
_SURVIVOR_EXTRAS = ("open_deals_count", "activities_count")
_ID = "push_%Y%m%dT%H%M%S_"
_DROP_AGREED = "drop temporary table if exists crm_agreed"
_AGREED = """
create temporary table crm_agreed (
    crm_person_id bigint primary key, entity_id bigint, before_text longtext, after_text longtext
) engine = InnoDB character set utf8mb4 collate utf8mb4_bin
"""
_FILL_AGREED = "insert into crm_agreed values (%s, %s, %s, %s)"
# Not where an apply has noted more meanwhile.
_SET_AGREED = """
update crm_persons as p
inner join crm_agreed as a on a.crm_person_id = p.crm_person_id
set p.agreed = a.after_text, p.entity_id = a.entity_id
where convert(p.agreed using utf8mb4) collate utf8mb4_bin <=> a.before_text
"""
_AT_ONCE = 500
_PLANNING = "cm_crm_planning"
_PLANNING_S = 300


@dataclass
class Draft:
    """What a plan has come to so far. `clock`: the CRM's, when it was begun; what is decided is decided then."""

    plan_id: str
    fields: PersonFields
    clock: datetime
    steps: list[Step] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    by_field: Counter[str] = field(default_factory=Counter)
    resolutions: list[tuple[int, int, Outcome]] = field(default_factory=list)
    agreed: list[tuple[int, int, str | None, str]] = field(default_factory=list)
    landing: list[tuple[CrmPerson, tuple[str, ...], str | None, datetime]] = field(default_factory=list)
    #: People whose requests it has looked at: older plans' steps about these are superseded.
    covered: set[int] = field(default_factory=set)

    def add(self, step: Step) -> None:
        """One more step."""
        self.steps.append(step)
        self.counts[step.action] += 1
        self.by_field.update(step.fields)


def make_plan(settings: Settings, database: Database, client: PipedriveClient, *, requested_by: str) -> PlanRow:
    """Plan a push of everybody and keep the plan; the one before is superseded.

    `client` is asked for the account's fields (once a day), whom to keep of people to be merged (10 tokens for each
    hundred) and who gave values that ours would replace (20 tokens each, a quarter of what is left of the day at most).
    Raises MartsMissing, SettingsError where `cm crm setup` was not run, and the errors of `cm_core.web`.
    """
    fields = ready_fields(settings, client)
    keys = AddressKeys()
    with closing(database.connect()) as connection, session(settings) as con:
        with planning(connection):
            at = database_time(connection)
        with looking(connection):
            population = read_population(connection, con, load_rules(), at=at, fields=fields)
        keys.learn(population.texts())
        draft = Draft(new_plan_id(at), fields, client.api.limiter.server_time())
        authors = Authors(client, fields, most_tokens=_tokens_for_asking(client))
        several = _plan_people(population, draft, keys, authors)
        _plan_merges(client, draft, several, keys)
        draft.counts.update({"asked": authors.asked})
        settlements.land(settings, draft.plan_id, draft.landing, fields, at=at)
        _write(settings, connection, draft, FULL, at=at, left_out=population.left_out, by=requested_by, authors=authors)
        with connection.cursor() as cursor:
            return steps.plan_row(cursor, draft.plan_id)


def ready_fields(settings: Settings, client: PipedriveClient) -> PersonFields:
    """The account's fields; as last read, however long ago, where they cannot be read anew today.

    Raises SettingsError where some of ours, or options of them, are missing.
    """
    try:
        fields = person_fields(settings, client)
    except (BudgetSpent, ApiUnavailable):
        if (known := known_fields(settings)) is None:
            raise
        fields = known
    if missing := fields.missing:
        raise SettingsError(
            f"Pipedrive has no field {', '.join(repr(one.name) for one in missing)} of the right type: `cm crm setup` "
            "makes the fields that are missing."
        )
    if lacking := fields.lacking:
        options = ", ".join(repr(label) for labels in lacking.values() for label in labels)
        raise SettingsError(f"Pipedrive has no option {options} of our fields: `cm crm setup` makes what is missing.")
    return fields


@contextmanager
def planning(connection: Connection[Any]) -> Iterator[None]:
    """Between the look at who asked and the writing of the plan no other plan says when it looked.

    So a plan with a later time has seen all that one with an earlier time has. Raises WriterBusy.
    """
    with named_lock(connection, _PLANNING, timeout_s=_PLANNING_S):
        yield


def database_time(connection: Connection[Any]) -> datetime:
    """The database's clock, naive UTC."""
    with connection.cursor() as cursor:
        return people.now(cursor)


def new_plan_id(at: datetime) -> str:
    """A name for a plan, of 24 characters."""
    return at.strftime(_ID) + secrets.token_hex(2)


def _priority_of(outcomes: Iterable[Outcome], otherwise: int) -> int:
    """What people asked for goes first."""
    return steps.FIRST if any(outcome.field == DO_NOT_CONTACT for outcome in outcomes) else otherwise


def write_plan(
    settings: Settings, connection: Connection[Any], draft: Draft, kind: str, *, at: datetime,
    left_out: Mapping[str, int], by: str,
) -> None:  # fmt: skip
    """Keep a plan, in one transaction."""
    _write(settings, connection, draft, kind, at=at, left_out=left_out, by=by, authors=None)


def reading_of(settings: Settings, updates: int) -> tuple[int, int]:
    """Requests and tokens of the readings that an apply makes for so many updates, chunk by chunk (`noting.read`)."""
    size = chunk_size(settings)
    chunks = [size] * (updates // size) + ([updates % size] if updates % size else [])
    requests = sum(1 if chunk >= FEW else chunk for chunk in chunks)
    return requests, sum(TOKENS["list"] if chunk >= FEW else chunk * TOKENS["get"] for chunk in chunks)


def chunk_size(settings: Settings) -> int:
    """People read with one list call before they are written: as many as the burst lets through at once."""
    return max(1, min(100, settings.pipedrive_burst - 1))


def _plan_people(population: Population, draft: Draft, keys: AddressKeys, authors: Authors) -> list[Pair]:
    """Plan for everybody with one person there or none; returns those with several."""
    several = []
    for pair in population.pairs(keys):
        if not pair.theirs:
            _plan_create(draft, pair)
        elif len(pair.theirs) == 1:
            _plan_update(draft, pair, pair.theirs[0], keys, authors)
        else:
            several.append(pair)
    return several


def _plan_create(draft: Draft, pair: Pair) -> None:
    ours = _with_date(pair.ours, pair.checked_at)
    merge = resolve(Agreed(), ours, Side())
    changes = tuple(change_of(outcome) for outcome in merge.pushes)
    # Nobody is in a hurry to be told of a request of somebody who is not there yet.
    draft.add(Step("create", pair.entity_id, None, changes, TOKENS["create"], ours, steps.OF_NEW))


def _plan_update(
    draft: Draft, pair: Pair, person: CrmPerson, keys: AddressKeys, authors: Authors | None, *,
    priority: int = steps.OF_PEOPLE,
) -> None:  # fmt: skip
    theirs = person.side(draft.fields, keys)
    known: dict[str, Author] = person.authors
    draft.covered.add(person.id)
    ours = heeding(person.agreed, pair.ours, theirs)
    merge = resolve(person.agreed, ours, theirs, known)
    if merge.asks and authors is not None and (answers := authors.ask(person, merge.asks)) is not None:
        known = answers
        merge = resolve(person.agreed, ours, theirs, known)
    draft.counts["author_unknown"] += len(merge.asks)
    ours, merge = dated(ours, pair.checked_at, theirs, person.agreed, known, merge)
    _note(draft, pair, person, ours, theirs, merge)
    if not merge.pushes:
        draft.counts["nothing"] += 1
        return
    if [outcome.field for outcome in merge.pushes] == ["cm_checked"]:
        priority = steps.OF_DATES
    changes = tuple(change_of(outcome) for outcome in merge.pushes)
    priority = _priority_of(merge.pushes, priority)
    draft.add(Step("update", pair.entity_id, person.id, changes, TOKENS["update"], ours, priority))


def dated(
    ours: Side, checked_at: datetime | None, theirs: Side, base: Agreed, known: Mapping[str, Author], merge: Merge
) -> tuple[Side, Merge]:
    """Our side with the date of its verdicts, if that is to go out: beside something else, or because it is old."""
    if checked_at is None or not (merge.pushes or _is_old(theirs.own.get("cm_checked"), checked_at)):
        return ours, merge
    with_date = _with_date(ours, checked_at)
    return with_date, resolve(base, with_date, theirs, known)


def _with_date(ours: Side, checked_at: datetime | None) -> Side:
    return replace(ours, own={**ours.own, "cm_checked": checked_at.date().isoformat()}) if checked_at else ours


def _is_old(there: str | None, checked_at: datetime) -> bool:
    try:
        return there is None or datetime.fromisoformat(there) <= checked_at - timedelta(days=CHECKED_DAYS)
    except (ValueError, TypeError):  # no date, or one with a zone
        return True


def _note(draft: Draft, pair: Pair, person: CrmPerson, ours: Side, theirs: Side, merge: Merge) -> None:
    """What needs no request: fields in step or settled for the CRM."""
    done = [outcome for outcome in merge.outcomes if outcome.is_new and not outcome.pushes]
    draft.resolutions += [(person.id, pair.entity_id, outcome) for outcome in done]
    if lands := tuple(outcome.field for outcome in done if outcome.lands):
        # A list may be dated in the future; what won against it is newer nevertheless.
        than = (pair.ours.at[name] + timedelta(seconds=1) for name in lands if name in pair.ours.at)
        draft.landing.append((person, lands, ours.name.text, max(draft.clock, *than)))
    draft.counts["settled_for_the_crm"] += len(lands)
    agreed = settled(person.agreed, ours, theirs, merge)
    if agreed != person.agreed or person.entity_id != pair.entity_id:
        after = canonical(agreed.as_json())
        draft.agreed.append((person.id, pair.entity_id, person.agreed_text, after))


def _plan_merges(client: PipedriveClient, draft: Draft, several: Sequence[Pair], keys: AddressKeys) -> None:
    """Entities with several people there: all are merged into one, which is then brought up to date."""
    if not several:
        return
    ids = [person.id for pair in several for person in pair.theirs]
    try:
        weights = {int(found["id"]): found for found in client.persons_of(ids, extras=_SURVIVOR_EXTRAS)}
    except BudgetSpent:
        weights = {}
    for pair in several:
        for person in pair.theirs:
            _plan_requests(draft, pair, person, keys)
        there = [person for person in pair.theirs if person.id in weights]
        if len(there) < 2 or not all(person.has_landed for person in there):
            # No budget to ask, gone meanwhile, or with edits that have not come in, which a merge would lose: the next
            # plan sees.
            draft.counts["merges_put_off"] += 1
            continue
        survivor, why = choose_survivor(there, weights)
        for person in there:
            if person is not survivor:
                change = {"field": "person", "before": person.id, "after": survivor.id, "why": why, "winner": "both"}
                draft.add(
                    Step("merge", pair.entity_id, person.id, (change,), TOKENS["merge"], pair.ours, steps.OF_MERGES,
                         merge_with_id=survivor.id)
                )  # fmt: skip
        _plan_survivor(draft, pair, survivor, keys)


def _plan_requests(draft: Draft, pair: Pair, person: CrmPerson, keys: AddressKeys) -> None:
    """What was asked for does not wait for a merge, nor for the others who are the same person."""
    draft.covered.add(person.id)
    merge = resolve(person.agreed, pair.ours, person.side(draft.fields, keys), person.authors)
    if said := tuple(change_of(outcome) for outcome in merge.pushes if outcome.field == DO_NOT_CONTACT):
        draft.add(Step("update", pair.entity_id, person.id, said, TOKENS["update"], pair.ours, steps.FIRST))


def _plan_survivor(draft: Draft, pair: Pair, survivor: CrmPerson, keys: AddressKeys) -> None:
    """What the CRM makes of the merge is not known before: the step looks anew."""
    theirs = survivor.side(draft.fields, keys)
    ours = _with_date(heeding(survivor.agreed, pair.ours, theirs), pair.checked_at)
    merge = resolve(survivor.agreed, ours, theirs, survivor.authors)
    changes = tuple(change_of(outcome) for outcome in merge.pushes)
    draft.add(Step("update", pair.entity_id, survivor.id, changes, TOKENS["update"], ours, steps.OF_SURVIVORS))


def choose_survivor(there: Sequence[CrmPerson], weights: Mapping[int, Mapping[str, Any]]) -> tuple[CrmPerson, str]:
    """Who is kept of several, and why: who has open deals, else most activities, else who was there first."""

    def rank(person: CrmPerson) -> tuple[bool, int, int]:
        found = weights.get(person.id, {})
        deals, activities = (int(found.get(name) or 0) for name in _SURVIVOR_EXTRAS)
        return (deals == 0, -activities, person.id)

    first, second, *_ = sorted(there, key=rank)
    decided = next(place for place, (a, b) in enumerate(zip(rank(first), rank(second), strict=True)) if a != b)
    return first, ("open_deals", "most_activities", "oldest")[decided]


def _tokens_for_asking(client: PipedriveClient) -> int:
    left = client.api.limiter.tokens_left()
    return 10**9 if left is None else int(left * _SHARE_OF_ASKING)


@retry_deadlocks
def _write(
    settings: Settings, connection: Connection[Any], draft: Draft, kind: str, *, at: datetime,
    left_out: Mapping[str, int], by: str, authors: Authors | None,
) -> None:  # fmt: skip
    updates = sum(step.action == "update" for step in draft.steps)
    reads, read_tokens = reading_of(settings, updates)
    # A merge reads the two before and the survivor after it.
    tokens = sum(step.tokens for step in draft.steps) + read_tokens + 3 * draft.counts["merge"] * TOKENS["get"]
    requests = len(draft.steps) + reads + 3 * draft.counts["merge"]
    seconds = requests * settings.pipedrive_burst_seconds / settings.pipedrive_burst
    actions = {name: draft.counts[name] for name in ("create", "update", "merge", "nothing")}
    more = {name: count for name, count in draft.counts.items() if name not in actions and count}
    counts = {**actions, **more, "fields": dict(draft.by_field), "left_out": dict(left_out)}
    with transaction(connection), connection.cursor() as cursor:
        tried = steps.tried(cursor)
        if kind == FULL:
            steps.supersede(cursor, draft.plan_id, (FULL,), at)
            steps.supersede(cursor, draft.plan_id, (SUPPRESSIONS,), at, of=draft.covered)
        else:
            steps.supersede(cursor, draft.plan_id, (SUPPRESSIONS,), at)
        steps.add_plan(
            cursor, draft.plan_id, kind, draft.steps, made_at=at, counts=counts, tokens=tokens, seconds=seconds,
            requested_by=by, tried=tried,
        )  # fmt: skip
        steps.add_resolutions(cursor, draft.resolutions, draft.plan_id)
        settlements.note(connection, draft.plan_id, draft.landing, draft.fields, at=at)
        if authors is not None:
            authors.keep(connection)
        if draft.agreed:
            cursor.execute(_DROP_AGREED)
            cursor.execute(_AGREED)
            for start in range(0, len(draft.agreed), _AT_ONCE):
                cursor.executemany(_FILL_AGREED, draft.agreed[start : start + _AT_ONCE])
            cursor.execute(_SET_AGREED)
