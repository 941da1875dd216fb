"""What the marts read of each entity, and whether a change of it was noted in `changed_entities`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cm_core.store import Database
from cm_core.store.changes import EVERYTHING, OF_THE_PERSON

_HELD = """
select p.entity_id, c.phone_e164 as contact, 'phone' as kind
from phone_numbers as c join persons as p on p.id = c.person_id where c.phone_e164 is not null
union select p.entity_id, c.email_key, 'email' from email_addresses as c join persons as p on p.id = c.person_id
union select p.entity_id, c.address_key, 'address' from addresses as c join persons as p on p.id = c.person_id
union select p.entity_id, c.name_zip_key, 'name_zip' from addresses as c join persons as p on p.id = c.person_id
where c.name_zip_key is not null
"""
_ASKED = """
select id, phone_e164 as contact, 'phone' as kind from opt_outs where phone_e164 is not null
union all select id, email_key, 'email' from opt_outs where email_key is not null
union all select id, address_key, 'address' from opt_outs where address_key is not null
union all select id, name_zip_key, 'name_zip' from opt_outs where name_zip_key is not null
"""
_CONTENT = (
    "select p.entity_id, 'person', p.id, p.is_original, p.is_manually_verified, p.entity_type, p.name_prefix, "
    "p.first_name, p.middle_name, p.last_name, p.name_suffix, p.organization_name, p.date_of_birth, "
    "p.name_source_date, p.birth_source_date, p.source_date, p.last_import_id from persons as p",
    "select p.entity_id, 'phone', p.id, c.phone_key, c.phone_raw, c.phone_type, c.is_primary, c.is_verified, "
    "c.source_date, c.last_import_id from phone_numbers as c join persons as p on p.id = c.person_id",
    "select p.entity_id, 'mobile elsewhere', c.phone_e164 from phone_numbers as c "
    "join persons as p on p.id = c.person_id where c.phone_type is null and exists "
    "(select 1 from phone_numbers as o where o.phone_e164 = c.phone_e164 and o.phone_type = 'mobile')",
    "select p.entity_id, 'email', p.id, c.email_key, c.email_raw, c.is_primary, c.is_verified, c.source_date, "
    "c.last_import_id from email_addresses as c join persons as p on p.id = c.person_id",
    "select p.entity_id, 'address', p.id, c.address_key, c.address_raw, c.care_of, c.zip4, c.county, c.address_type, "
    "c.name_zip_key, c.is_primary, c.source_date from addresses as c join persons as p on p.id = c.person_id",
    "select p.entity_id, 'chosen', p.id, d.decided_at from review_decisions as d "
    "join persons as p on p.id = d.person_id where d.decision = 'golden' and d.undone_at is null",
    "select entity_id, 'household', household_id, reason from households",
    "select p.entity_id, 'touchpoint', t.id, t.touchpoint_type, t.touchpoint_date, t.status, t.campaign_id "
    "from touchpoints as t join persons as p on p.id = t.person_id",
    f"select h.entity_id, 'perhaps touched', t.id, t.touchpoint_type, t.touchpoint_date, t.status, t.campaign_id "
    f"from ({_HELD}) as h join touchpoints as t on t.person_id is null "
    "and ((h.kind = 'phone' and h.contact = t.phone_e164) or (h.kind = 'email' and h.contact = t.email_key))",
    f"select h.entity_id, 'shared', s.kind, s.contact_key, s.surnames from ({_HELD}) as h "
    "join shared_contacts as s on s.kind = h.kind and s.contact_key = h.contact",
    f"select h.entity_id, 'asked', a.id, h.kind, h.contact, count(*) over (partition by a.id, h.kind) = 1 "
    f"from ({_HELD}) as h join ({_ASKED}) as a on a.kind = h.kind and a.contact = h.contact",
    "select p.entity_id, 'asked by name', o.id from opt_outs as o join persons as p on p.id = o.person_id",
    f"select h.entity_id, 'fact', f.id, f.fact in {OF_THE_PERSON} and h.kind <> 'name_zip' "
    f"and count(*) over (partition by f.id, h.kind) = 1 from ({_HELD}) as h "
    "join contact_facts as f on f.contact_kind = h.kind and f.contact_key = h.contact",
    "select p.entity_id, 'fact of', f.id from contact_facts as f join persons as p on p.id = f.person_id",
)


def content(database: Database) -> dict[int, Counter[Any]]:
    """What there is of each entity: rows that say what the marts read."""
    found: dict[int, Counter[Any]] = defaultdict(Counter)
    with database.connect() as connection, connection.cursor() as cursor:
        for query in _CONTENT:
            cursor.execute(query)
            for entity, *row in cursor.fetchall():
                found[entity][tuple(row)] += 1
    return dict(found)


@contextmanager
def noted(database: Database) -> Iterator[None]:
    """Every entity that is another after the block was noted in it, and where none is, nothing was."""
    before, seen = content(database), _last(database)
    yield
    after = content(database)
    changed = {entity for entity in before.keys() | after.keys() if before.get(entity) != after.get(entity)}
    found = _noted_since(database, seen)
    assert EVERYTHING in found or changed <= found, changed - found
    assert changed or not found, found


def _last(database: Database) -> int:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select coalesce(max(id), 0) from changed_entities")
        row: Any = cursor.fetchone()
    return int(row[0])


def _noted_since(database: Database, last: int) -> set[int]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select entity_id from changed_entities where id > %s", (last,))
        return {int(entity) for (entity,) in cursor.fetchall()}
