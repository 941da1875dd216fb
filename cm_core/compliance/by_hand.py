"""What people record themselves, a suppression or a re-consent: facts like those of lists, with who recorded them.

A re-consent is the only thing that ever lifts an opt-out: for one contact point, one channel, from its date on. What
messages made doubtful is decided in `suspicions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pymysql.cursors import DictCursor

from cm_core.compliance import fact_statements as statements
from cm_core.compliance.applying import execute, number_of, writing
from cm_core.compliance.contact_facts import add_facts, add_opt_outs, fact_key
from cm_core.compliance.reach import COLUMN, opted_out
from cm_core.compliance.subjects import Subject, golden_of
from cm_core.errors import UsageError
from cm_core.imports.records import actor, now
from cm_core.store.database import Database
from cm_core.store.locks import retry_deadlocks

if TYPE_CHECKING:
    from pymysql.connections import Connection

Result = TypeVar("Result")
Channel = Literal["call", "sms", "email", "mail", "all"]

#: How long a person waits for a writer, in seconds: most imports of people take less.
PATIENCE_S = 300
SOURCE = "by_hand"
_REASON_MAX, _SOURCE_MAX, _BY_MAX = 255, 64, 255
_LAST = "select coalesce(max(id), 0) from {table}"


@dataclass(frozen=True)
class Recorded:
    """Rows that were added, and who is behind the contact point now: (entity, golden person, name)."""

    subject: Subject
    rows: list[dict[str, Any]]
    holders: list[tuple[int, int, str | None]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`; times in ISO form, UTC."""
        holders = [{"entity_id": e, "person_id": p, "name": name} for e, p, name in self.holders]
        return {"kind": self.subject.kind, "key": self.subject.key, "recorded": self.rows, "holders": holders}


def suppress(
    database: Database,
    subject: Subject,
    channel: Channel,
    *,
    reason: str,
    source: str = SOURCE,
    by: str | None = None,
    at: datetime | None = None,
) -> Recorded:
    """Record that somebody asked to be left alone; whoever it is need not be known yet. Permanent.

    A postal address can only be asked not to be mailed. Raises UsageError where something does not fit, WriterBusy or
    DatabaseUnavailable; nothing is recorded then.
    """
    if subject.kind == "address":
        if channel not in ("mail", "all"):
            raise UsageError("A postal address can only be asked not to be mailed: --channel mail.")
        channel = "mail"
    made = now()
    values = {
        "fact_no": 1, "channel": channel, "opted_out_at": moment_of(at, made), "person_id": subject.person_id,
        **said(reason, source, by), **({COLUMN[subject.kind]: subject.key} if subject.kind in COLUMN else {}),
    }  # fmt: skip

    def write(connection: Connection[Any]) -> list[dict[str, Any]]:
        last = number_of(connection, _LAST.format(table="opt_outs"))
        execute(connection, statements.CREATE_OPT_OUTS_STAGED)
        insert(connection, "opt_outs_staged", values)
        add_opt_outs(connection, None)
        execute(connection, statements.MARK_EMAILS_OF_STAGED)
        return rows_after(connection, "opt_outs", last)

    rows = record(database, write)
    return Recorded(subject, rows, golden_of(database, subject))


def reconsent(
    database: Database,
    subject: Subject,
    channel: Channel,
    *,
    reason: str,
    source: str = SOURCE,
    by: str | None = None,
    at: datetime | None = None,
) -> Recorded:
    """Record that somebody who had opted out wants to be contacted again on a channel, from `at` on (now, if not said).

    It is for the contact point: what was asked before, by it or by whoever is behind it, stops it no longer. Their
    other contact points stay as they are, and a later opt-out is not lifted. One fact per channel; of `all`, for those
    that are opted out then; calls and texts are where either is, since a request on one may come to stop the other.
    Raises UsageError where nothing is, or where one may be later (`is_later`), WriterBusy or DatabaseUnavailable;
    nothing is recorded then.
    """
    if subject.kind not in ("phone", "email", "address"):
        raise UsageError("A re-consent is for a contact point: name the phone, the e-mail address or the --address.")
    moment, words = moment_of(at, now()), said(reason, source, by)

    def write(connection: Connection[Any]) -> list[dict[str, Any]]:
        stopped = opted_out(connection, subject, moment, by_phone=True)
        channels = stopped if channel == "all" else [name for name in stopped if name == channel]
        if not channels:
            raise UsageError(
                f"Nothing is opted out at {subject} for {channel} on {moment:%Y-%m-%d}: there is nothing to lift. "
                "See `cm facts` for what is recorded."
            )
        contact = {"contact_kind": subject.kind, "contact_key": subject.key}
        made = add_by_hand(
            connection,
            [
                {"fact": "reconsent", **contact, "channel": name, "value": None, "starts_at": moment, **words}
                for name in channels
            ],
        )
        if left := [name for name in opted_out(connection, subject, moment, by_phone=True) if name in channels]:
            raise UsageError(
                f"What was asked at {subject} for {', '.join(left)} is of {moment:%Y-%m-%d} too, without a time: it "
                "may be the later one. A re-consent of a later day lifts it."
            )
        return made

    rows = record(database, write)
    return Recorded(subject, rows, golden_of(database, subject))


def record(database: Database, write: Callable[[Connection[Any]], Result]) -> Result:
    """What `write(connection)` gives, called in one transaction under the writer lock."""

    @retry_deadlocks
    def attempt() -> Result:
        with closing(database.connect()) as connection, writing(connection, timeout_s=PATIENCE_S):
            return write(connection)

    return attempt()


def add_by_hand(
    connection: Connection[Any],
    facts: Sequence[dict[str, Any]],
    *,
    is_dated: bool = True,
    import_id: str | None = None,
) -> list[dict[str, Any]]:
    """Add facts given by their columns; their key is made here, of their own time unless not `is_dated`.

    The rows that are new. See `contact_facts.add_facts`.
    """
    last = number_of(connection, _LAST.format(table="contact_facts"))
    execute(connection, statements.DROP_FACTS_STAGED)
    execute(connection, statements.CREATE_FACTS_STAGED)
    for number, fact in enumerate(facts, start=1):
        key = fact_key(
            fact["fact"], fact["contact_kind"], fact["contact_key"], fact["channel"], fact["value"],
            fact["starts_at"] if is_dated else None, None, fact["source"],
        )  # fmt: skip
        ascii_key = fact["contact_key"] if fact["contact_kind"] in ("phone", "name_zip", "person") else None
        insert(connection, "facts_staged", {"fact_no": number, "fact_key": key, "ascii_key": ascii_key, **fact})
    add_facts(connection, import_id)
    return rows_after(connection, "contact_facts", last)


def rows_after(connection: Connection[Any], table: str, last: int) -> list[dict[str, Any]]:
    """The rows with higher ids than `last`, without what is blank in them; times in ISO form, UTC."""
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(f"select * from {table} where id > %s order by id", (last,))
        return [plain(row) for row in cursor.fetchall()]


def insert(connection: Connection[Any], table: str, values: dict[str, Any]) -> None:
    """Add one row."""
    names, places = ", ".join(f"`{name}`" for name in values), ", ".join(f"%({name})s" for name in values)
    execute(connection, f"insert into {table} ({names}) values ({places})", **values)


def said_by(by: str | None) -> str:
    """Who records it: as said, else who is at work."""
    return (by or actor())[:_BY_MAX]


def said(reason: str, source: str, by: str | None) -> dict[str, Any]:
    """Columns of a fact that say why, where from and by whom it was recorded."""
    if not reason.strip():
        raise UsageError("Say why: --reason is kept with the fact.")
    if len(reason) > _REASON_MAX or len(source) > _SOURCE_MAX:
        raise UsageError(f"A reason has {_REASON_MAX} characters at most, a source {_SOURCE_MAX}.")
    return {"reason": reason.strip(), "source": source, "recorded_by": said_by(by)}


def moment_of(at: datetime | None, made: datetime) -> datetime:
    """When it was, as said, else the present. Raises UsageError for the future."""
    if at is not None and at > made:
        raise UsageError(f"{at:%Y-%m-%d %H:%M} UTC lies in the future: what is recorded has happened.")
    return at or made


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is blank; times in ISO form, UTC."""
    return {
        name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }
