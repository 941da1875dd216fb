"""The queue of messages that read like an opt-out: each holds its contact point until a person has decided.

A decision is about all that is open at a contact point, since all of it must have been looked at: those who decide name
every message. Confirmed, it is an opt-out of the message's own time; dismissed, nothing is left of it but the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymysql.cursors import DictCursor

from cm_core.compliance import fact_statements as statements
from cm_core.compliance.applying import execute, number_of
from cm_core.compliance.by_hand import Channel, add_by_hand, insert, record, rows_after, said_by
from cm_core.compliance.contact_facts import add_opt_outs
from cm_core.errors import UsageError
from cm_core.imports.records import now
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

_LAST_OPT_OUT = "select coalesce(max(id), 0) from opt_outs"
_COLUMN = {"phone": "phone_e164", "email": "email_key"}


@dataclass(frozen=True)
class Suspicion:
    """A fact `opt_out_suspected`. `value` is what it seems to mean (opt_out, wrong_number), `reason` the words."""

    id: int
    fact_key: str
    contact_kind: str
    contact_key: str
    person_id: int | None
    value: str
    starts_at: datetime
    reason: str | None
    source: str
    import_id: str | None
    row_number: int | None

    def as_json(self) -> dict[str, Any]:
        """For `--json`; times in ISO form, UTC."""
        return {**vars(self), "starts_at": f"{self.starts_at.isoformat()}Z"}


@dataclass(frozen=True)
class Decided:
    """What a decision added to `opt_outs` and `contact_facts`."""

    opt_outs: list[dict[str, Any]]
    facts: list[dict[str, Any]]


def waiting(database: Database, limit: int) -> tuple[list[Suspicion], int]:
    """The oldest messages that wait for a decision, and how many there are."""
    with closing(database.connect()) as connection:
        found = _fetch(connection, statements.OPEN_SUSPICIONS, {"limit": limit})
        return found, number_of(connection, statements.COUNT_OPEN_SUSPICIONS)


def confirm(
    database: Database,
    ids: Sequence[int],
    *,
    channel: Channel = "all",
    reason: str | None = None,
    by: str | None = None,
) -> Decided:
    """Make each of the messages an opt-out, of the time it came and of `channel`; they no longer wait.

    Raises UsageError where a message does not wait, or another of its contact point was left out.
    """

    def write(connection: Connection[Any]) -> Decided:
        found = _require_all(connection, ids)
        last = number_of(connection, _LAST_OPT_OUT)
        execute(connection, statements.CREATE_OPT_OUTS_STAGED)
        for number, one in enumerate(found, start=1):
            values = {
                "fact_no": number, "channel": channel, _COLUMN[one.contact_kind]: one.contact_key,
                "opted_out_at": one.starts_at, "reason": reason or one.reason, "source": one.source,
                "person_id": one.person_id, "recorded_by": said_by(by),
            }  # fmt: skip
            insert(connection, "opt_outs_staged", values)
        add_opt_outs(connection, None)
        execute(connection, statements.MARK_EMAILS_OF_STAGED)
        return Decided(
            rows_after(connection, "opt_outs", last), _clear(connection, found, "confirmed as an opt-out", by)
        )

    return record(database, write)


def dismiss(database: Database, ids: Sequence[int], *, reason: str, by: str | None = None) -> Decided:
    """Record that the messages are no opt-outs, and why; they no longer wait nor hold anything.

    Raises UsageError where a message does not wait, or another of its contact point was left out.
    """
    if not reason.strip():
        raise UsageError("Say why they are no opt-outs: --reason is kept with the decision.")

    def write(connection: Connection[Any]) -> Decided:
        return Decided([], _clear(connection, _require_all(connection, ids), reason.strip(), by))

    return record(database, write)


def _require_all(connection: Connection[Any], ids: Sequence[int]) -> list[Suspicion]:
    """The suspicions with these ids, all of them open, and none open beside them at their contact points."""
    wanted = sorted(set(ids))
    named = _fetch(connection, statements.SUSPICIONS_BY_ID, {"ids": tuple(wanted)})
    if missing := set(wanted) - {one.id for one in named}:
        raise UsageError(f"There is no message {min(missing)} in the queue. See `cm optouts list`.")
    found: dict[int, Suspicion] = {}
    for kind, key in sorted({(one.contact_kind, one.contact_key) for one in named}):
        still = _fetch(connection, statements.OPEN_OF_CONTACT, {"kind": kind, "key": key})
        if beside := [one.id for one in still if one.id not in wanted]:
            raise UsageError(
                f"At {key} other messages wait too: {', '.join(map(str, beside))}. Look at them and name them with it."
            )
        found |= {one.id: one for one in still}
    if decided := set(wanted) - set(found):
        raise UsageError(f"Message {min(decided)} was decided already. See `cm facts`.")
    return [found[number] for number in wanted]


def _clear(
    connection: Connection[Any], found: Sequence[Suspicion], reason: str, by: str | None
) -> list[dict[str, Any]]:
    moment = now()
    return add_by_hand(
        connection,
        [
            {
                "fact": "suspicion_cleared", "contact_kind": one.contact_kind, "contact_key": one.contact_key,
                "channel": "all", "value": one.fact_key, "starts_at": moment, "reason": reason[:255],
                "source": "by_hand", "recorded_by": said_by(by), "person_id": one.person_id,
            }
            for one in found
        ],
    )  # fmt: skip


def _fetch(connection: Connection[Any], query: str, parameters: dict[str, Any]) -> list[Suspicion]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(query, parameters)
        return [Suspicion(**row) for row in cursor.fetchall()]
