"""What a reading of a person makes of the row that is known of it: new, changed by others, an echo, unchanged, stale.

Pure; `people` has the table. A row of `crm_persons` and a record that the CRM sent go in, the row to write comes out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cm_core.crm.edits import Edits, Told, find_edits, is_same
from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import DO_NOT_CONTACT
from cm_core.crm.opt_outs import Had, had_there, new_lines, ticked_by_us
from cm_core.crm.records import PersonRecord, canonical, moment_text, normal
from cm_core.crm.sides import remembered

LIVE, DELETED, MERGED, GONE = "live", "deleted", "merged", "gone"
#: Had their data deleted with us (`cm forget`): what the CRM still sends of them is not kept.
ERASED = "erased"
#: Fields with one value, of which the newest wins.
_DATED = ("name", "mailing_address")
STATES = (LIVE, DELETED, MERGED, GONE, ERASED)


@dataclass
class Readings:
    """What became of readings: people new, changed (by others), echoes of our own writes, unchanged, out of date."""

    new: int = 0
    changed: int = 0
    echoes: int = 0
    unchanged: int = 0
    stale: int = 0
    deleted: int = 0

    def add(self, other: Readings) -> None:
        """Count the other's too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Known:
    """A row as it is."""

    crm_person_id: int
    state: str
    update_time: datetime
    record: str
    record_hash: str
    landed_hash: str | None
    changed: str | None
    said: str | None
    agreed: str | None
    manual: str | None
    pushed: str | None
    last_seen_at: datetime
    gone_at: datetime | None
    opt_outs: str | None


def row_of(
    record: PersonRecord,
    known: Known | None,
    read_at: datetime,
    fields: PersonFields,
    told: Sequence[Told],
    found: Readings,
) -> tuple[Any, ...] | None:
    """The row to write, or None where nothing is to be written but that it was seen."""
    state = DELETED if record.is_deleted else LIVE
    gone_at, gone_by = (read_at, "list") if record.is_deleted else (None, None)
    if known is None:
        found.new += 1
        found.deleted += record.is_deleted
        said = dict.fromkeys(_DATED, moment_text(record.update_time))
        return _as_row(record, state, None, None, said, None, None, None, (), read_at, gone_at, gone_by)
    if (
        known.state == ERASED
        or _is_stale(record, known, read_at)
        or (state == DELETED and known.state in (MERGED, DELETED))
    ):
        found.stale += state == LIVE
        return None
    is_read = known.state == state and known.record_hash == record.hash and known.update_time == record.update_time
    if is_read and not known.pushed:
        found.unchanged += 1
        return None
    before = normal(json.loads(known.record))
    if record.marketing_status is None:  # sent only where it was asked for
        record = replace(record, marketing_status=before.marketing_status)
    pushed = json.loads(known.pushed) if known.pushed else {}
    manual = json.loads(known.manual) if known.manual else {}
    edits = find_edits(before, record, fields, pushed=pushed, manual=manual, told=told)
    if not edits.any and known.state == state and record.update_time == known.update_time and not pushed:
        found.unchanged += 1
        return None
    landed = known.landed_hash
    agreed = remembered(known.agreed, before, record, fields)
    had = had_there(agreed)
    said_outs = _said(known, before, record, edits, fields, had)
    if edits.others:
        found.changed += 1
    elif edits.ours:
        found.echoes += 1
        # A request there may be about a contact point that it had not before our write.
        if landed == known.record_hash and not new_lines(record, fields, said_outs, had)[0]:
            landed = record.hash
    else:
        found.unchanged += 1
    found.deleted += state == DELETED and known.state != DELETED
    new = fields.by_our_names(record.fields)
    is_back = bool(edits.any or all(is_same(new.get(name), value) for name, value in pushed.items()))
    pushed_still = None if is_back else known.pushed
    changed = None if known.changed is None else canonical(sorted({*json.loads(known.changed), *edits.others}))
    # A record has one time for all its fields, and our own writes move it too.
    said = json.loads(known.said) if known.said else {}
    said |= dict.fromkeys(edits.others & set(_DATED), moment_text(record.update_time))
    return _as_row(
        record, state, landed, changed, said, agreed, edits.manual, pushed_still, said_outs, read_at, gone_at, gone_by
    )


def _said(
    known: Known, before: PersonRecord, after: PersonRecord, edits: Edits, fields: PersonFields, had: Had
) -> set[str]:
    """The opt-outs that are no news: those that have landed, and those that our own write has just put there.

    What anybody there ever ticked is theirs, though we have put it back.
    """
    said = set(json.loads(known.opt_outs or "[]"))
    if DO_NOT_CONTACT not in edits.ours:
        return said
    theirs = {*(fields.value(before, DO_NOT_CONTACT) or ()), *json.loads(known.agreed or "{}").get(DO_NOT_CONTACT, ())}
    ours = {*(fields.value(after, DO_NOT_CONTACT) or ())} - theirs
    return said | ticked_by_us(after, fields, ours, had)


def _is_stale(record: PersonRecord, known: Known, read_at: datetime) -> bool:
    """Whether more is known than was read. A list may lag behind; clocks of one second do not tell."""
    if known.state != LIVE and known.gone_at is not None and known.gone_at >= read_at:
        return True
    return (record.update_time, read_at) < (known.update_time, known.last_seen_at)


def _as_row(
    record: PersonRecord,
    state: str,
    landed: str | None,
    changed: str | None,
    said: Mapping[str, str | None],
    agreed: str | None,
    manual: Mapping[str, Any] | None,
    pushed: str | None,
    said_outs: Collection[str],
    read_at: datetime,
    gone_at: datetime | None,
    gone_by: str | None,
) -> tuple[Any, ...]:
    return (
        record.id, state, record.update_time, canonical(record.as_json()), record.hash, landed, changed,
        canonical(said), agreed, canonical(manual) if manual else None, pushed,
        canonical(sorted(said_outs)) if said_outs else None, read_at, read_at, gone_at, gone_by,
    )  # fmt: skip
