"""People of the CRM who have to land: their records and their opt-outs as JSON lines in the landing zone.

A line is the record in normal form and, beside it, what only this account's fields tell: our own custom fields under
our keys (`mailing_address`, `do_not_contact` ...), all custom fields by their names, ids that were merged into it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import opt_outs, people, pulls
from cm_core.crm.fields import PersonFields
from cm_core.crm.pulls import EMPTY, LANDED, OPEN, OPT_OUTS, PERSONS, Pull
from cm_core.crm.records import PersonRecord
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.locks import retry_deadlocks, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

_MARKS = "marks.jsonl"
#: Fields with one value, of which the newest wins.
_DATED = ("name", "mailing_address", "postal_address")
_SUFFIX_OF_OPT_OUTS = "-opt-outs"


@dataclass
class Landing:
    """What a landing wrote. Keys are None where nothing landed."""

    people: int = 0
    landing_key: str | None = None
    opt_outs: int = 0
    opt_outs_key: str | None = None


def person_line(
    record: PersonRecord, fields: PersonFields, merged: list[int], *, changed: Collection[str] | None = None
) -> dict[str, Any]:
    """The line of a person. `changed`: fields that changed since it last landed; None: it never landed.

    A record has one time for all its fields. What has not changed has no newer date for that: the line names it under
    `unchanged`, so that it does not win over what a list said since.
    """
    ours = {key: value for key in fields.codes if (value := fields.value(record, key)) is not None}
    more: dict[str, Any] = {}
    if record.custom:
        more["custom_fields_by_name"] = fields.named(record)
    if merged:
        more["merged_ids"] = merged
    if changed is not None and (same := [name for name in _DATED if name not in changed]):
        more["unchanged"] = same
    return {**record.as_json(), **ours, **more}


def land_people(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    pull: Pull,
    fields: PersonFields,
    *,
    at: datetime,
    suffix: str,
) -> Landing:
    """Let everybody land who has to, as the files of `pull`, which is done then. `connection` holds the pulls' lock.

    Killed at any instant and called again, it lands the same files, once. What others had decided and not finished is
    finished first: those people would land twice.
    """
    for left in pulls.unfinished(connection, PERSONS):
        if left.pull_id != pull.pull_id and left.is_decided:
            _finish(settings, connection, left)
    if not pull.is_decided:
        pull = _decide(settings, database, connection, pull, fields, at=at, suffix=suffix)
    return _finish(settings, connection, pull)


def finish_decided(settings: Settings, connection: Connection[Any]) -> None:
    """Finish what was decided by processes that are gone. `connection` holds the pulls' lock."""
    for left in pulls.unfinished(connection, PERSONS):
        if left.is_decided:
            _finish(settings, connection, left)


def _decide(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    pull: Pull,
    fields: PersonFields,
    *,
    at: datetime,
    suffix: str,
) -> Pull:
    """Write what lands into the lake, then say so in the rows of both files."""
    with connection.cursor() as cursor:
        merged = people.merged_ids(cursor)
    connection.commit()
    outs: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []

    def lines() -> Iterator[dict[str, Any]]:
        for each in people.waiting(database):
            new, landed = opt_outs.new_lines(each.record, fields, each.opt_outs, each.had)
            outs.extend(new)
            marks.append({"id": each.crm_person_id, "mark": each.mark, "opt_outs": landed})
            if each.is_live:
                yield person_line(each.record, fields, merged.get(each.crm_person_id, []), changed=each.changed)

    count, checksum = pulls.put_lines(settings, pull, "landing.jsonl", lines())
    marked, _ = pulls.put_lines(settings, pull, _MARKS, marks)
    out_count, out_checksum = pulls.put_lines(settings, pull, "opt_outs.jsonl", outs)
    key = pulls.free_landing_key(settings, pull, PERSONS, at, suffix) if count else None
    out_key = pulls.free_landing_key(settings, pull, OPT_OUTS, at, suffix) if out_count else None
    with transaction(connection), connection.cursor() as cursor:
        if out_key:
            out_id = pull.pull_id + _SUFFIX_OF_OPT_OUTS
            pulls.add_decided(
                cursor, OPT_OUTS, out_id, pull, landing_key=out_key, checksum=out_checksum, records=out_count
            )
        sums = {"lines": count, "opt_outs": out_count, "opt_outs_key": out_key, "marks": marked}
        return pulls.decide(cursor, pull, key, checksum if key else None, **sums)


def _finish(settings: Settings, connection: Connection[Any], pull: Pull) -> Landing:
    """Put the files where they land, opt-outs first; then mark, in one transaction, who has landed."""
    outs = None
    if pull.detail.get("opt_outs_key"):
        outs = pulls.pull_of(connection, pull.pull_id + _SUFFIX_OF_OPT_OUTS)
        pulls.land(settings, outs, f"{pull.folder}/opt_outs.jsonl")
    pulls.land(settings, pull, f"{pull.folder}/landing.jsonl")
    marked = pull.detail.get("marks")
    marks = list(pulls.read_lines(lake(settings), f"{pull.folder}/{_MARKS}")) if marked else []
    if pull.state == OPEN:
        _mark(connection, pull, outs, marks)
    return Landing(
        int(pull.detail.get("lines", 0)), pull.landing_key, int(pull.detail.get("opt_outs", 0)),
        pull.detail.get("opt_outs_key"),
    )  # fmt: skip


@retry_deadlocks
def _mark(connection: Connection[Any], pull: Pull, outs: Pull | None, marks: list[dict[str, Any]]) -> None:
    with transaction(connection), connection.cursor() as cursor:
        if marks:
            people.mark_landed(connection, ((each["id"], each["mark"], each["opt_outs"]) for each in marks))
        if outs is not None:
            pulls.finish(cursor, outs, LANDED)
        pulls.finish(cursor, pull, LANDED if pull.landing_key else EMPTY)
        if events := pull.detail.get("events"):
            pulls.events_handled(cursor, events)
