"""What people decide about who is who: two persons are the same, or different; which one is the golden record.

A decision holds until it is undone, through every import and every run of linkage, which reads it here. What follows
from decisions follows by itself: A is B and B is C, so A is C; A is B and B is not C, so A is not C. A decision that
others contradict is refused, with the ones in its way. Nothing is merged or parted here: that is the next dedupe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import duckdb
import networkx
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.errors import LinkageError, PersonError, UsageError
from cm_core.imports.records import actor, now
from cm_core.linkage.standing import look_up
from cm_core.store import changes
from cm_core.store.database import Database
from cm_core.store.locks import named_lock, transaction

Kind = Literal["same", "different", "golden"]

_LOCK = "cm_review"
_COLUMNS = (
    "id", "decision", "person_id", "other_id", "decided_by", "decided_at", "reason", "undone_by", "undone_at",
    "undone_reason", "was_one",
)  # fmt: skip
_SELECT = f"select {', '.join(_COLUMNS)} from review_decisions"
_INSERT = """
insert into review_decisions (decision, person_id, other_id, decided_by, decided_at, reason, was_one)
values (%s, %s, %s, %s, %s, %s, %s)
"""
_UNDO = "update review_decisions set undone_by = %s, undone_at = %s, undone_reason = %s where id = %s"
#: Of all golden choices within the entity of a person.
_LAST_CHOICE = """
select d.id
from persons as p
inner join persons as m on m.entity_id = p.entity_id
inner join review_decisions as d on d.person_id = m.id and d.decision = 'golden' and d.undone_at is null
where p.id = %s
order by d.decided_at desc, d.id desc
limit 1
"""
_UNQUEUE = "delete from review_queue where person_id = %s and other_id = %s"
_LOG = """
insert into dedup_audit_log (job_id, action, original_person_id, duplicate_person_id, match_reason)
values (%s, %s, %s, %s, %s)
"""
_REASON_MAX = 500

_SAME = "create or replace table must_link as select * exclude (decision) from decided_pairs where decision = 'same'"
_DIFFERENT = (
    "create or replace table cannot_link as select * exclude (decision) from decided_pairs where decision = 'different'"
)
_NOBODY = """
create table if not exists must_link (id_l bigint, id_r bigint, decided_by varchar, decided_at timestamp);
create table if not exists cannot_link (id_l bigint, id_r bigint, decided_by varchar, decided_at timestamp);
create table if not exists golden_choices (person_id bigint, decided_at timestamp);
"""
_GOLDEN = """
create or replace table golden_choices as
select id_l as person_id, max(decided_at) as decided_at from decided_pairs where decision = 'golden' group by id_l
"""


@dataclass(frozen=True)
class Decision:
    """One decision. `person_id` is the lower of the two; a golden choice has no `other_id`.

    `was_one`: whether linkage had made the two one when it was decided.
    """

    id: int
    decision: Kind
    person_id: int
    other_id: int | None
    decided_by: str
    decided_at: datetime
    reason: str | None
    undone_by: str | None = None
    undone_at: datetime | None = None
    undone_reason: str | None = None
    was_one: bool | None = None

    def in_words(self) -> str:
        """`decision 7: 12 and 15 are different (by ann, 2026-03-01)`."""
        what = {
            "same": f"{self.person_id} and {self.other_id} are the same",
            "different": f"{self.person_id} and {self.other_id} are different",
            "golden": f"{self.person_id} is the golden record",
        }[self.decision]
        return f"decision {self.id}: {what} (by {self.decided_by}, {self.decided_at:%Y-%m-%d})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`; times in ISO form, UTC."""
        values = dict(vars(self))
        for name in ("decided_at", "undone_at"):
            values[name] = values[name] and f"{values[name].isoformat()}Z"
        return values


def decide(
    database: Database, kind: Kind, person_id: int, other_id: int | None = None, *, reason: str | None = None
) -> Decision:
    """Write a decision down; the same one again gives the one there is, unless another golden record was chosen since.

    Raises PersonError if a person is unknown, LinkageError if decisions there are say the contrary: undo these first.
    """
    if reason is not None and len(reason) > _REASON_MAX:
        raise UsageError(f"The reason has {len(reason)} characters; {_REASON_MAX} fit.")
    if other_id is not None and other_id < person_id:
        person_id, other_id = other_id, person_id
    if other_id == person_id:
        raise UsageError(f"{person_id} is one person: a decision is about two.")
    with (
        database.connect() as connection,
        named_lock(connection, _LOCK, timeout_s=60),
        transaction(connection),
    ):
        named = [person_id] if other_id is None else [person_id, other_id]
        entities = {look_up(connection, person).entity_id for person in named}
        was_one = None if other_id is None else len(entities) == 1
        active = _fetch(connection, "where undone_at is null order by id")
        if standing := _standing(connection, active, kind, person_id, other_id):
            return standing
        if kind != "golden" and other_id is not None:
            require_consistent(active, kind, person_id, other_id)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, (kind, person_id, other_id, actor(), now(), reason, was_one))
            number = int(cursor.lastrowid or 0)
            if other_id is not None:
                cursor.execute(_UNQUEUE, (person_id, other_id))
            cursor.execute(_LOG, _log_row(number, kind, person_id, other_id, reason))
        _note(connection, kind, person_id)
        (made,) = _fetch(connection, "where id = %s", (number,))
        return made


def undo(database: Database, decision_id: int, *, reason: str | None = None) -> Decision:
    """Take a decision back; it stays on record. Raises PersonError if there is none of this number, or it is undone."""
    with (
        database.connect() as connection,
        named_lock(connection, _LOCK, timeout_s=60),
        transaction(connection),
    ):
        found = _fetch(connection, "where id = %s", (decision_id,))
        if not found:
            raise PersonError(f"There is no decision {decision_id}. See `cm review list --decisions`.")
        (made,) = found
        if made.undone_at is not None:
            raise PersonError(f"Decision {decision_id} was undone already, by {made.undone_by}.")
        with connection.cursor() as cursor:
            cursor.execute(_UNDO, (actor(), now(), reason, decision_id))
            cursor.execute(_LOG, _log_row(decision_id, "undo", made.person_id, made.other_id, reason))
        _note(connection, made.decision, made.person_id)
        (made,) = _fetch(connection, "where id = %s", (decision_id,))
        return made


def decisions(database: Database, *, also_undone: bool = False) -> list[Decision]:
    """Decisions in the order they were made."""
    with database.connect() as connection:
        return _fetch(connection, "order by id" if also_undone else "where undone_at is null order by id")


@dataclass(frozen=True)
class Reviewed:
    """How often linkage was right about the `pairs` that people decided, by what it had said before (0 to 1).

    Of the pairs that it had made one, `precision` are the same; of those that are the same, it had made `recall` one.
    None where there are none. People are asked about what is in doubt: of all pairs it is right more often.
    """

    pairs: int
    precision: float | None
    recall: float | None


def reviewed(database: Database) -> Reviewed:
    """Linkage against the decisions about pairs that hold."""
    answers = [(made.decision == "same", made.was_one) for made in decisions(database) if made.was_one is not None]
    both = sum(same and was_one for same, was_one in answers)
    linked, true = sum(bool(was_one) for _, was_one in answers), sum(same for same, _ in answers)
    return Reviewed(len(answers), both / linked if linked else None, both / true if true else None)


def require_consistent(made: Iterable[Decision], kind: Kind, person_id: int, other_id: int) -> None:
    """Raise LinkageError if decisions that were made rule out one more, naming those in its way."""
    same, by_pair, apart = networkx.Graph(), {}, []
    for decision in made:
        if decision.other_id is None:
            continue
        pair = (decision.person_id, decision.other_id)
        if decision.decision == "same":
            same.add_edge(*pair)
            by_pair[pair] = decision
        else:
            apart.append(decision)
    if kind == "different":
        if path := _path(same, person_id, other_id):
            raise _in_the_way(f"{person_id} and {other_id} are different", _along(path, by_pair))
        return
    for decision in apart:
        assert decision.other_id is not None
        for near, far in ((decision.person_id, decision.other_id), (decision.other_id, decision.person_id)):
            before, behind = _path(same, person_id, near), _path(same, other_id, far)
            if before and behind:
                ways = [*_along(before, by_pair), *_along(behind, by_pair), decision]
                raise _in_the_way(f"{person_id} and {other_id} are the same", ways)


def expect(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that `read` makes, empty, where they are not there: nobody was asked."""
    con.execute(_NOBODY)


def read(connection: Connection[Any], con: duckdb.DuckDBPyConnection) -> None:
    """Make `must_link` and `cannot_link` (id_l, id_r, decided_by, decided_at): the decisions that hold.

    And `golden_choices` (person_id, decided_at).
    """
    made = _fetch(connection, "where undone_at is null order by id")
    table = pa.table(
        {
            "decision": pa.array([decision.decision for decision in made], pa.string()),
            "id_l": pa.array([decision.person_id for decision in made], pa.int64()),
            "id_r": pa.array([decision.other_id for decision in made], pa.int64()),
            "decided_by": pa.array([decision.decided_by for decision in made], pa.string()),
            "decided_at": pa.array([decision.decided_at for decision in made], pa.timestamp("us")),
        }
    )
    con.register("decided_pairs", table)
    for statement in (_SAME, _DIFFERENT, _GOLDEN):
        con.execute(statement)
    con.unregister("decided_pairs")


def _path(graph: networkx.Graph, start: int, end: int) -> list[int]:
    """The persons from one to the other by pairs that are the same, both included; empty if there is no way."""
    if start == end:
        return [start]
    if start not in graph or end not in graph or not networkx.has_path(graph, start, end):
        return []
    return list(networkx.shortest_path(graph, start, end))


def _along(path: Sequence[int], by_pair: dict[tuple[int, int], Decision]) -> list[Decision]:
    return [by_pair[min(pair), max(pair)] for pair in pairwise(path)]


def _in_the_way(what: str, ways: Sequence[Decision]) -> LinkageError:
    numbers = sorted({decision.id: decision for decision in ways}.items())
    listed = "; ".join(decision.in_words() for _, decision in numbers)
    return LinkageError(
        f"{what}? Other decisions say the contrary: {listed}. Undo one of them first (cm review undo ID)."
    )


def _standing(
    connection: Connection[Any], active: Sequence[Decision], kind: Kind, person_id: int, other_id: int | None
) -> Decision | None:
    """The decision that says this already. Of golden choices within an entity only the last one does."""
    same = [made for made in active if (made.decision, made.person_id, made.other_id) == (kind, person_id, other_id)]
    if not same or kind != "golden":
        return same[0] if same else None
    with connection.cursor() as cursor:
        cursor.execute(_LAST_CHOICE, (person_id,))
        (last,) = cursor.fetchone() or (None,)
    return next((made for made in same if made.id == last), None)


def _note(connection: Connection[Any], kind: Kind, person_id: int) -> None:
    """The marts read who was chosen, even where linkage has nothing to change."""
    if kind == "golden":
        changes.persons_new(connection, person_id, person_id)


def _log_row(
    number: int, action: str, person_id: int, other_id: int | None, reason: str | None
) -> tuple[str, str, int, int, str]:
    text = f"{actor()}: {reason}" if reason else f"by {actor()}"
    return f"decision_{number}", action, person_id, person_id if other_id is None else other_id, text[:100]


def _fetch(connection: Connection[Any], condition: str, parameters: tuple[Any, ...] = ()) -> list[Decision]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {condition}", parameters)
        return [_decision(row) for row in cursor.fetchall()]


def _decision(row: tuple[Any, ...]) -> Decision:
    *said, was_one = row
    made = Decision(*said)
    return made if was_one is None else replace(made, was_one=bool(was_one))
