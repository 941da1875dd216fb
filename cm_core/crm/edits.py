"""What changed between two readings of a person of the CRM, and who did it: our own write, somebody by hand, another
program. Pure functions; where the readings are kept is `people`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cm_core.crm.fields import PersonFields
from cm_core.crm.records import PersonRecord, normal

#: How `crm_persons.manual` names changes that a person made, on the web or in an app.
BY_HAND = "app"
UNKNOWN = "unknown"
#: How the CRM names changes that programs made. Whatever else it names is a person's way in (`app`, `mobile`).
_PROGRAMS = frozenset({"api", "automation", "automations", "workflow", "import", "sync", "integration", "marketplace"})


def is_program(source: object) -> bool:
    """Whether a change with this `change_source` was made by a program."""
    return str(source or "").strip().lower() in _PROGRAMS


@dataclass(frozen=True)
class Told:
    """A change that a webhook told of: when (update_time of the record), by whom, by what (app, api), which fields."""

    update_time: datetime
    user_id: int | None
    source: str
    fields: frozenset[str]


@dataclass(frozen=True)
class Edits:
    """The fields that changed: `ours` are our own write read back, `others` were changed by somebody else.

    `manual` is what is known after it of edits by hand: field -> {at, by, source}.
    """

    ours: frozenset[str]
    others: frozenset[str]
    manual: Mapping[str, Any]

    @property
    def any(self) -> bool:
        """Whether anything changed."""
        return bool(self.ours or self.others)


def find_edits(
    before: PersonRecord,
    after: PersonRecord,
    fields: PersonFields,
    *,
    pushed: Mapping[str, Any],
    manual: Mapping[str, Any],
    told: Sequence[Told] = (),
) -> Edits:
    """What changed from `before` to `after`. `pushed`: field -> value of our last write that was not read back yet.

    A change that no webhook told of counts as made by hand: a person's word is not lost because an event was.
    """
    old, new = fields.by_our_names(before.fields), fields.by_our_names(after.fields)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if "name" in changed:  # its parts are made of it there
        changed -= {"first_name", "last_name"}
    ours = {name for name in changed if name in pushed and is_same(new.get(name), pushed[name])}
    known = {name: value for name, value in manual.items() if name not in changed}
    for name in changed - ours:
        teller = _teller(name, before, after, told)
        if teller is None or not is_program(teller.source):
            known[name] = {
                "at": after.update_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "by": teller.user_id if teller else None,
                "source": BY_HAND if teller and teller.source != UNKNOWN else UNKNOWN,
            }
    return Edits(frozenset(ours), frozenset(changed - ours), known)


def is_same(there: Any, written: Any) -> bool:
    """Whether a value that is there is the one that was written. To an address they add its parts."""
    if isinstance(there, Mapping) and isinstance(written, Mapping):
        return all(there.get(part) == value for part, value in written.items())
    return bool(there == written)


def corrected(manual: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """`manual` after an event that came late: what counted as made by hand for want of knowing may not have been."""
    at = told.update_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    known = dict(manual)
    for name in told.fields:
        if (entry := known.get(name)) and entry["at"] == at and entry["source"] == UNKNOWN:
            if is_program(told.source):
                del known[name]
            elif told.source != UNKNOWN:
                known[name] = {**entry, "by": told.user_id, "source": BY_HAND}
    return known


def values_of(body: Mapping[str, Any], fields: PersonFields) -> dict[str, Any]:
    """What a write's body makes of the fields it names, as a later reading would have them; None: cleared.

    Custom fields are under our keys, or their codes.
    """
    record = normal({"id": 0, "update_time": "2000-01-01T00:00:00Z", **body})
    named = [*(name for name in body if name != "custom_fields"), *(body.get("custom_fields") or {})]
    found = record.fields
    return fields.by_our_names({name: found.get(name) for name in named})


def _teller(name: str, before: PersonRecord, after: PersonRecord, told: Sequence[Told]) -> Told | None:
    """The last event between the two readings that names the field. Of one second with `before` is between, too."""
    between = [
        each for each in told if name in each.fields and before.update_time <= each.update_time <= after.update_time
    ]
    return max(between, key=lambda each: each.update_time, default=None)
