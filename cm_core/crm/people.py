"""`crm_persons`: every person that the CRM ever had, as last read, and what of it has landed.

It is an outbox. Whoever reads a person (the pull, the reconciliation, a webhook, a reply to our own write) notes the
reading with `note_read`, in a transaction of its own or of more. What has to land is then a matter of state, not of who
read it: the live rows whose `record_hash` is not their `landed_hash`. `landing` writes them into a file and calls
`mark_landed` with the hashes that are in the file; a row that was read anew meanwhile simply has to land once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm.edits import UNKNOWN, Told, corrected, values_of
from cm_core.crm.fields import PersonFields
from cm_core.crm.opt_outs import Had, had_there
from cm_core.crm.readings import DELETED, ERASED, GONE, LIVE, MERGED, STATES, Known, Readings, row_of
from cm_core.crm.records import PersonRecord, canonical, moment, normal

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

__all__ = [
    "DELETED", "ERASED", "GONE", "LIVE", "MERGED", "STATES", "Readings", "Waiting", "about_to_write", "count_waiting",
    "erased_of", "mark_landed", "merged_ids", "not_written", "note_last", "note_read", "note_vanished", "now",
    "records_of", "told_by", "told_late", "waiting",
]  # fmt: skip

_KNOWN = """
select crm_person_id, state, update_time, record, record_hash, landed_hash, changed, said, agreed, manual, pushed,
    last_seen_at, gone_at, opt_outs
from crm_persons
where crm_person_id in %s
for update
"""
_TOLD = """
select crm_id, meta, changed_fields
from crm_webhooks
where crm_id in %s and entity = 'person' and action = 'change' and changed_fields is not null
"""
_PUT = """
insert into crm_persons
    (crm_person_id, state, update_time, record, record_hash, landed_hash, changed, said, agreed, manual, pushed,
    opt_outs, first_seen_at, last_seen_at, gone_at, gone_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on duplicate key update
    state = values(state), merged_into = null, update_time = values(update_time), record = values(record),
    record_hash = values(record_hash), landed_hash = values(landed_hash), changed = values(changed),
    said = values(said), agreed = values(agreed),
    manual = values(manual), pushed = values(pushed), opt_outs = values(opt_outs), last_seen_at = values(last_seen_at),
    gone_at = values(gone_at), gone_by = values(gone_by)
"""
_SEEN = "update crm_persons set last_seen_at = greatest(last_seen_at, %s) where crm_person_id in %s"
_VANISHED = """
update crm_persons
set state = %s, merged_into = %s, gone_at = coalesce(gone_at, %s), gone_by = %s
where crm_person_id = %s
"""
_LAST = """
insert into crm_persons
    (crm_person_id, state, merged_into, update_time, record, record_hash, first_seen_at, last_seen_at, gone_at, gone_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on duplicate key update
    record = if(state in ('live', 'erased'), record, values(record)),
    record_hash = if(state in ('live', 'erased'), record_hash, values(record_hash)),
    update_time = if(state in ('live', 'erased'), update_time, values(update_time))
"""
_STATE = "select state, merged_into from crm_persons where crm_person_id = %s for update"
_LANDS_AGAIN = "update crm_persons set landed_hash = null where crm_person_id = %s and state <> 'erased'"
_PUSHED = "update crm_persons set pushed = %s where crm_person_id = %s"
_MANUAL = "select manual from crm_persons where crm_person_id = %s for update"
_SET_MANUAL = "update crm_persons set manual = %s where crm_person_id = %s"
# Of who is not live any more only the opt-outs land; `landed_hash` says so with a dash before the hash.
_HAS_TO_LAND = """
state <> 'erased' and (landed_hash is null or landed_hash <> record_hash)
and (state = 'live' or landed_hash is null or landed_hash <> concat('-', left(record_hash, 63)))
"""
_WAITING = f"""
select crm_person_id, state, record, record_hash, changed, opt_outs, agreed
from crm_persons
where {_HAS_TO_LAND}
order by crm_person_id
"""
_COUNT_WAITING = f"select count(*) from crm_persons where {_HAS_TO_LAND}"
_MERGED = "select crm_person_id, merged_into from crm_persons where merged_into is not null"
_LANDED_TABLE = """
create temporary table crm_landed (
    crm_person_id bigint primary key, landed_hash varchar(64) character set ascii, opt_outs longtext
) character set utf8mb4
"""
_DROP_LANDED = "drop temporary table if exists crm_landed"
_FILL_LANDED = "insert into crm_landed values (%s, %s, %s)"
_MARK_LANDED = """
update crm_persons as p
inner join crm_landed as l on l.crm_person_id = p.crm_person_id
set p.landed_hash = l.landed_hash, p.opt_outs = l.opt_outs,
    p.changed = if(p.record_hash = l.landed_hash, '[]', p.changed)
"""
_RECORDS = "select crm_person_id, record from crm_persons where crm_person_id in %s and state <> 'erased'"
_ERASED = "select crm_person_id from crm_persons where crm_person_id in %s and state = 'erased'"
_NOW = "select utc_timestamp(6)"
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Waiting:
    """A person that has to land: the record in normal form, its mark, the opt-outs that have landed already.

    Of one who is not live any more, only the opt-outs land. `changed`: the fields that others than us changed since it
    last landed, under our names; None: it never landed. `had`: the keys of what the person has or had there.
    """

    crm_person_id: int
    is_live: bool
    record: PersonRecord
    mark: str
    changed: frozenset[str] | None
    opt_outs: tuple[str, ...]
    had: Had


def now(cursor: Any) -> datetime:
    """The database's clock: take it before a request whose answer is noted."""
    cursor.execute(_NOW)
    found: datetime = cursor.fetchone()[0]
    return found


def note_read(
    connection: Connection[Any], records: Sequence[PersonRecord], *, read_at: datetime, fields: PersonFields
) -> Readings:
    """Note people that the CRM just sent, in the caller's transaction. `read_at` is `now` of before the request.

    A reading that is older than what is known (by its update_time, within one second by `read_at`) changes nothing. An
    echo of our own write counts as landed where the person had landed before it, unless a request of theirs is about
    what we have added. Who is live again becomes so.
    """
    latest = {record.id: record for record in records}
    found = Readings()
    if not latest:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, (tuple(latest),))
        known = {row[0]: Known(*row) for row in cursor.fetchall()}
        told = _told(cursor, [each for each in latest.values() if _may_differ(known.get(each.id), each)], fields)
        rows, seen = [], []
        for record in latest.values():
            row = row_of(record, known.get(record.id), read_at, fields, told.get(record.id, ()), found)
            if row:
                rows.append(row)
            elif record.id in known:
                seen.append(record.id)
        if rows:
            cursor.executemany(_PUT, rows)
        if seen:
            cursor.execute(_SEEN, (read_at, tuple(seen)))
    return found


def note_vanished(
    connection: Connection[Any],
    crm_person_id: int,
    *,
    state: str,
    by: str,
    at: datetime,
    merged_into: int | None = None,
) -> bool:
    """Note that the person is deleted, merged (into whom) or gone; what was read of it stays. Whether that is news.

    Whom it was merged into lands once more, so that its identifiers reach the same person.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATE, (crm_person_id,))
        row = cursor.fetchone()
        if (
            row is None
            or row[0] == ERASED
            or (row[0] == state and row[1] == merged_into)
            or (row[0] == MERGED and state != MERGED)
        ):
            return False
        cursor.execute(_VANISHED, (state, merged_into, at, by[:64], crm_person_id))
        if merged_into is not None:
            cursor.execute(_LANDS_AGAIN, (merged_into,))
    return True


def note_last(
    connection: Connection[Any],
    record: PersonRecord,
    *,
    state: str,
    by: str,
    at: datetime,
    merged_into: int | None = None,
) -> None:
    """Note the last that is known of somebody who has vanished, if that is newer than what is: opt-outs it holds land.

    In the caller's transaction, after `note_vanished`.
    """
    with connection.cursor() as cursor:
        known = records_of(cursor, [record.id]).get(record.id)
        if known is not None:
            if record.update_time < known.update_time:
                return
            record = replace(record, marketing_status=record.marketing_status or known.marketing_status)
        row = (record.id, state, merged_into, record.update_time, canonical(record.as_json()), record.hash)
        cursor.execute(_LAST, (*row, at, at, at, by[:64]))


def about_to_write(
    connection: Connection[Any], crm_person_id: int, body: Mapping[str, Any], fields: PersonFields
) -> None:
    """Before a write is sent: what its body (as for `update_person`) sets is ours when it is read back.

    Commit it before sending. The reply goes to `note_read` like any reading.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PUSHED, (canonical(values_of(body, fields)), crm_person_id))


def not_written(connection: Connection[Any], crm_person_id: int) -> None:
    """The write was refused, or was seen not to have been carried out."""
    with connection.cursor() as cursor:
        cursor.execute(_PUSHED, (None, crm_person_id))


def told_late(connection: Connection[Any], crm_person_id: int, told: Told) -> None:
    """A webhook came after the change that it tells of was read: who made it may now be known."""
    with connection.cursor() as cursor:
        cursor.execute(_MANUAL, (crm_person_id,))
        row = cursor.fetchone()
        if row and row[0]:
            manual = json.loads(row[0])
            if (better := corrected(manual, told)) != manual:
                cursor.execute(_SET_MANUAL, (canonical(better) if better else None, crm_person_id))


def count_waiting(cursor: Any) -> int:
    """How many have to land."""
    cursor.execute(_COUNT_WAITING)
    return int(cursor.fetchone()[0])


def waiting(database: Database) -> Iterator[Waiting]:
    """Everybody who has to land, by id, streamed over a connection of its own."""
    import pymysql.cursors

    with closing(database.connect()) as connection, connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(_WAITING)
        for person_id, state, record, digest, changed, opt_outs, agreed in cursor:
            mark = digest if state == LIVE else f"-{digest[:63]}"
            landed = tuple(json.loads(opt_outs or "[]"))
            fields = None if changed is None else frozenset(json.loads(changed))
            yield Waiting(person_id, state == LIVE, normal(json.loads(record)), mark, fields, landed, had_there(agreed))


def merged_ids(cursor: Any) -> dict[int, list[int]]:
    """Survivor -> ids of those that were merged into it, by way of others too."""
    cursor.execute(_MERGED)
    into = {int(gone): int(survivor) for gone, survivor in cursor.fetchall()}
    found: dict[int, list[int]] = {}
    for gone in sorted(into):
        survivor, steps = into[gone], 0
        while survivor in into and steps < len(into):
            survivor, steps = into[survivor], steps + 1
        found.setdefault(survivor, []).append(gone)
    return found


def mark_landed(connection: Connection[Any], landed: Iterable[tuple[int, str, Sequence[str]]]) -> None:
    """Of each person (id, hash of the record in the file, all opt-outs that have landed): that it has landed.

    In the caller's transaction, of which the temporary table is no part.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DROP_LANDED)
        cursor.execute(_LANDED_TABLE)
        rows = [(person_id, digest, canonical(list(outs)) if outs else None) for person_id, digest, outs in landed]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            cursor.executemany(_FILL_LANDED, rows[start : start + _ROWS_AT_ONCE])
        cursor.execute(_MARK_LANDED)
        cursor.execute(_DROP_LANDED)


def records_of(cursor: Any, ids: Sequence[int]) -> dict[int, PersonRecord]:
    """The records of these people as last read; those never read are left out."""
    if not ids:
        return {}
    cursor.execute(_RECORDS, (tuple(ids),))
    return {person_id: normal(json.loads(record)) for person_id, record in cursor.fetchall()}


def erased_of(cursor: Any, ids: Sequence[int]) -> set[int]:
    """Those of these people who had their data deleted with us."""
    if not ids:
        return set()
    cursor.execute(_ERASED, (tuple(ids),))
    return {int(number) for (number,) in cursor.fetchall()}


def _may_differ(known: Known | None, record: PersonRecord) -> bool:
    return known is not None and known.record_hash != record.hash


def _told(cursor: Any, records: Sequence[PersonRecord], fields: PersonFields) -> dict[int, list[Told]]:
    """What webhooks told of changes of these people."""
    found: dict[int, list[Told]] = {}
    if records:
        cursor.execute(_TOLD, (tuple(record.id for record in records),))
        for person_id, meta, changed in cursor.fetchall():
            if told := told_by(json.loads(meta), json.loads(changed), fields):
                found.setdefault(person_id, []).append(told)
    return found


def told_by(meta: Mapping[str, Any], changed: Sequence[str], fields: PersonFields) -> Told | None:
    """What a kept event says of a change; None where it does not say when that was."""
    at = moment(meta.get("update_time") or meta.get("timestamp"))
    if at is None:
        return None
    user = str(meta.get("user_id") or "")
    names = frozenset(fields.keys.get(name, name) for name in changed)
    return Told(at, int(user) if user.isdigit() else None, str(meta.get("change_source") or UNKNOWN), names)
