"""The contact points of a person, or of everybody whom a campaign has touched. What is known of them is in `lookup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cm_core.compliance.facts import Contact, Home, Kind
from cm_core.compliance.lookup import Asked
from cm_core.errors import PersonError, UsageError

if TYPE_CHECKING:
    from pymysql.connections import Connection

_CONTACTS_OF_ENTITY = {
    "phone": """
    select c.phone_key, c.phone_e164, c.extension, c.phone_type, c.invalid_reason
    from persons as p inner join phone_numbers as c on c.person_id = p.id
    where p.entity_id = %s
    order by c.phone_type is null, c.source_date desc, p.is_original desc, c.id
    """,
    "email": """
    select c.email_key, c.email, null, null, c.invalid_reason
    from persons as p inner join email_addresses as c on c.person_id = p.id
    where p.entity_id = %s
    order by c.source_date desc, p.is_original desc, c.id
    """,
    "address": """
    select c.address_key, c.street, c.city, c.state, c.zip, c.invalid_reason
    from persons as p inner join addresses as c on c.person_id = p.id
    where p.entity_id = %s
    order by c.source_date desc, p.is_original desc, c.id
    """,
}
_ENTITY_OF_PERSON = "select entity_id from persons where id = %s"

_ENTITIES_OF_CAMPAIGN = """
select distinct p.entity_id
from touchpoints as t
inner join persons as p on p.id = t.person_id
where t.campaign_id = %(campaign)s
"""
#: Entity, golden person, the contact point as it is shown, its key, and a number's extension; contact points of
#: touchpoints without a person.
_OF_CAMPAIGN = {
    kind: f"""
    select distinct e.entity_id, g.id, c.{value}, c.{key}, {extension}
    from ({_ENTITIES_OF_CAMPAIGN}) as e
    inner join persons as g on g.entity_id = e.entity_id and g.is_original = 1
    inner join persons as m on m.entity_id = e.entity_id
    inner join {table} as c on c.person_id = m.id
    where c.{value} is not null
    union
    select null, null, t.{touched}, t.{touched}, null
    from touchpoints as t
    where t.campaign_id = %(campaign)s and t.person_id is null and t.{touched} is not null
    order by 1, 2, 4, 5
    """
    for kind, table, value, key, touched, extension in (
        ("phone", "phone_numbers", "phone_e164", "phone_e164", "phone_e164", "c.extension"),
        ("email", "email_addresses", "email", "email_key", "email_key", "null"),
    )
}
_OF_CAMPAIGN["address"] = f"""
select
    e.entity_id, g.id, min(c.address_raw), c.address_key, max(c.street), max(c.city), max(c.state),
    max(left(c.zip, 5)), max(c.invalid_reason)
from ({_ENTITIES_OF_CAMPAIGN}) as e
inner join persons as g on g.entity_id = e.entity_id and g.is_original = 1
inner join persons as m on m.entity_id = e.entity_id
inner join addresses as c on c.person_id = m.id
group by e.entity_id, g.id, c.address_key
order by 1, 2, 4
"""
_CAMPAIGN = "select coalesce(code, name) from campaigns where id = %s"


def contacts_of(connection: Connection[Any], person_id: int) -> tuple[int, list[Asked]]:
    """The entity of a person and the contact points that it has, each once. Raises PersonError."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTITY_OF_PERSON, (person_id,))
        row = cursor.fetchone()
        if not row:
            raise PersonError(f"There is no person {person_id}.")
        found: dict[tuple[str, str], Asked] = {}
        for kind, query in _CONTACTS_OF_ENTITY.items():
            cursor.execute(query, (row[0],))
            for values in cursor.fetchall():
                found.setdefault((kind, values[0]), _address(*values) if kind == "address" else _contact(kind, *values))
    return int(row[0]), list(found.values())


def _contact(kind: str, key: str, value: str | None, extension: str | None, line: str | None, why: str | None) -> Asked:
    known: Kind = "phone" if kind == "phone" else "email"
    if value is None:
        return Asked(Contact(known, key, invalid_reason=why or "no normal form"))
    return Asked(Contact(known, value if kind == "phone" else key, extension=extension, line_type=line))


def _address(
    key: str, street: str | None, city: str | None, state: str | None, zip5: str | None, why: str | None
) -> Asked:
    contact = Contact("address", key, invalid_reason=why, missing=missing_parts(street, city, state, zip5))
    return Asked(contact, Home(state, zip5))


def missing_parts(street: str | None, city: str | None, state: str | None, zip5: str | None) -> tuple[str, ...]:
    """The parts that an address lacks for delivery (USPS Publication 28): street, or ZIP without city and state."""
    parts = ["street"] if street is None else []
    return (*parts, "ZIP or city and state") if zip5 is None and (city is None or state is None) else (*parts,)


def campaign_name(connection: Connection[Any], campaign_id: int) -> str:
    """The code of a campaign, or its name where it has none, as caps and touchpoints call it. Raises UsageError."""
    with connection.cursor() as cursor:
        cursor.execute(_CAMPAIGN, (campaign_id,))
        row = cursor.fetchone()
    if row is None:
        raise UsageError(f'There is no campaign {campaign_id}. `cm sql "select id, name from campaigns"` lists them.')
    return str(row[0]).upper()


def contacts_of_campaign(
    connection: Connection[Any], campaign_id: int, kind: Kind
) -> list[tuple[int | None, int | None, str, Asked]]:
    """Entity, golden person, a contact point as it is shown, and the same to look up, for all that a campaign touched.

    All contact points of a kind that they have; those of touchpoints whose person is not known have no entity.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OF_CAMPAIGN[kind], {"campaign": campaign_id})
        rows = cursor.fetchall()
    if kind == "address":
        return [(entity, person, shown, _address(*rest)) for entity, person, shown, *rest in rows]
    return [
        (
            entity,
            person,
            f"{shown} x{extension}" if extension else shown,
            Asked(Contact(kind, key, extension=extension)),
        )
        for entity, person, shown, key, extension in rows
    ]
