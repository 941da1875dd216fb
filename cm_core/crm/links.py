"""Whom we have created in the CRM is ours: its id there becomes an identifier of the golden person.

So the import of the person finds it by its id, however it was edited meanwhile. Identifiers are canonical rows: they
are written under the writer lock, and where an import holds that for long, later.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cm_core.crm.population_statements import RECORD_ID
from cm_core.errors import WriterBusy
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

# Of what was created, who is not linked yet; the entity may have gone into another one since.
_UNLINKED = f"""
select s.crm_person_id, s.plan_id, s.done_at, g.id
from crm_steps as s
left join entity_successors as e on e.entity_id = s.entity_id
inner join persons as g on g.entity_id = coalesce(e.successor_id, s.entity_id) and g.is_original = 1
inner join crm_persons as c on c.crm_person_id = s.crm_person_id and c.state = 'live'
where s.action = 'create' and s.state = 'applied'
    and not exists (
        select 1 from person_identifiers as i
        where i.id_type = '{RECORD_ID}' and i.id_value = convert(s.crm_person_id, char)
    )
order by s.crm_person_id
"""
_ADD = """
insert ignore into person_identifiers
    (id, person_id, id_type, id_value, source_date, first_import_id, last_import_id)
values (%s, %s, %s, %s, %s, %s, %s)
"""
_HAS_PERSON = f"""
select exists (
    select 1 from persons as p
    inner join person_identifiers as i on i.person_id = p.id and i.id_type = '{RECORD_ID}'
    where p.entity_id = %s
) or exists (
    select 1 from crm_steps where action = 'create' and state in ('applied', 'sending') and entity_id = %s
) or exists (
    select 1 from crm_steps as s
    inner join entity_successors as e on e.entity_id = s.entity_id
    where s.action = 'create' and s.state in ('applied', 'sending') and e.successor_id = %s
) or not exists (
    select 1 from persons where entity_id = %s
)
"""


def has_person(cursor: Any, entity_id: int) -> bool:
    """Whether the entity has somebody in the CRM by now, ever had, or is no more."""
    cursor.execute(_HAS_PERSON, (entity_id,) * 4)
    return bool(cursor.fetchone()[0])


def link_created(connection: Connection[Any], *, timeout_s: float) -> int:
    """Give the golden persons the ids of the people created for them; how many. 0 while somebody else writes."""
    linked = 0
    with suppress(WriterBusy):
        linked = _link(connection, timeout_s)
    return linked


@retry_deadlocks
def _link(connection: Connection[Any], timeout_s: float) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_UNLINKED)
        some = cursor.fetchall()
    connection.commit()
    if not some:
        return 0
    with named_lock(connection, WRITER_LOCK, timeout_s=timeout_s), transaction(connection):
        with connection.cursor() as cursor:
            cursor.execute(_UNLINKED)
            found: dict[int, tuple[Any, ...]] = {int(row[0]): row for row in cursor.fetchall()}
            first = allot(connection, "person_identifiers", len(found))
            rows = [
                (first + place, person, RECORD_ID, str(crm_id), at, plan_id[:24], plan_id[:24])
                for place, (crm_id, plan_id, at, person) in enumerate(found.values())
            ]
            cursor.executemany(_ADD, rows)
        return len(rows)
