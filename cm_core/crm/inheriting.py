"""What a person of the CRM takes over from those whom somebody merged into it there.

Our own merges are noted with all that was agreed (`noting.merged_there`). Of others' only this has to be known: what
was removed from the one that is gone was removed by somebody, and is not to come back by way of the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import SETS, Agreed
from cm_core.crm.records import canonical, normal
from cm_core.crm.sides import AddressKeys, theirs_of

if TYPE_CHECKING:
    from pymysql.connections import Connection

_ROWS = (
    "select crm_person_id, record, agreed from crm_persons where crm_person_id in %s and state <> 'erased' for update"
)
_AGREE = "update crm_persons set agreed = %s where crm_person_id = %s"


def inherit_removals(connection: Connection[Any], fields: PersonFields, merged: Mapping[int, int]) -> None:
    """What was removed from those merged (id -> into whom) counts as removed from whom they were merged into.

    In the caller's transaction, after `people.note_vanished`. Again, it changes nothing.
    """
    for gone, into in merged.items():
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, ((gone, into),))
            known = {int(number): (record, agreed) for number, record, agreed in cursor.fetchall()}
            if len(known) < 2 or not known[gone][1]:
                continue
            loser = Agreed.from_json(json.loads(known[gone][1]))
            before = theirs_of(normal(json.loads(known[gone][0])), fields, AddressKeys())
            kept = Agreed.from_json(json.loads(known[into][1]) if known[into][1] else None)
            after = replace(
                kept,
                known={
                    name: kept.known.get(name, frozenset()) | (loser.known.get(name, frozenset()) - before.keys(name))
                    for name in SETS
                },
            )
            if after.known != kept.known:
                cursor.execute(_AGREE, (canonical(after.as_json()), into))
