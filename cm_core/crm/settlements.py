"""Values that were settled for the CRM's side against newer ones of ours: they land for import once more, with the time
of the decision, so that the golden record follows.

A line has the settled fields of a person and no others: the rest of its record is older than the decision. Where the
name is none of them it is ours, since a row without one is nobody. It goes into the landing zone like a pull of people
and is a row of `api_pulls` too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import pulls
from cm_core.crm.fields import PersonFields
from cm_core.crm.landing import person_line
from cm_core.crm.population import CrmPerson
from cm_core.crm.records import PersonRecord, canonical
from cm_core.lake import landing_zone
from cm_core.settings import Settings

if TYPE_CHECKING:
    from pymysql.connections import Connection

_SUFFIX = "settled"
_ADD = """
insert into api_pulls
    (pull_id, source, revision, state, records, landing_key, checksum_sha256, started_at, finished_at, detail)
values (%s, %s, 1, 'LANDED', %s, %s, %s, %s, %s, %s)
"""

#: People with the fields that were settled, the name that we have, and the time of the decision by the CRM's clock.
Settled = Sequence[tuple[CrmPerson, Sequence[str], str | None, datetime]]


def land(settings: Settings, plan_id: str, settled: Settled, fields: PersonFields, *, at: datetime) -> str | None:
    """Put the settled fields of these people into the landing zone; the key, None where nothing was settled."""
    if not settled:
        return None
    key = landing_key(plan_id, at)
    landing_zone(settings).put_bytes(_content(settled, fields), key)
    return key


def note(connection: Connection[Any], plan_id: str, settled: Settled, fields: PersonFields, *, at: datetime) -> None:
    """Note the file that `land` wrote, in the caller's transaction."""
    if settled:
        digest = hashlib.sha256(_content(settled, fields)).hexdigest()
        detail = canonical({"plan": plan_id, "lines": len(settled)})
        row = (f"{plan_id}-{_SUFFIX}", pulls.PERSONS, len(settled), landing_key(plan_id, at), digest, at, at, detail)
        with connection.cursor() as cursor:
            cursor.execute(_ADD, row)


def landing_key(plan_id: str, at: datetime) -> str:
    """Where the settled values of a plan land."""
    return pulls.landing_key(pulls.PERSONS, at, f"{_SUFFIX}-{plan_id[-4:]}")


def settled_line(
    record: PersonRecord, names: Iterable[str], our_name: str | None, fields: PersonFields, at: datetime
) -> dict[str, Any]:
    """The line of a person: who it is, and the settled fields with the time of the decision."""
    wanted = frozenset(names)
    code = fields.codes.get("mailing_address")
    custom = {code: record.custom[code]} if code in record.custom and "address" in wanted and code else {}
    kept = replace(
        record, update_time=at.replace(microsecond=0), emails=(), phones=(), custom=custom, more={},
        marketing_status=None,
    )  # fmt: skip
    if "name" not in wanted:
        kept = replace(kept, name=our_name, first_name=None, last_name=None)
    return {**person_line(kept, fields, []), "settled": sorted(wanted)}


def _content(settled: Settled, fields: PersonFields) -> bytes:
    lines = (settled_line(person.record, names, name, fields, at) for person, names, name, at in settled)
    return "".join(f"{canonical(line)}\n" for line in lines).encode()
