"""The SQL of `do_not_contact`: what was asked for and said of the members of the entities in `crm_wanted`.

MySQL opens a temporary table only once in a query, so each contact kind is a query of its own.
"""

from __future__ import annotations

MEMBERS = (
    "drop temporary table if exists crm_members",
    """
    create temporary table crm_members (person_id bigint not null primary key, entity_id bigint not null)
    engine = InnoDB
    """,
    """
    insert into crm_members (person_id, entity_id)
    select straight_join p.id, p.entity_id
    from crm_wanted as w
    inner join persons as p on p.entity_id = w.entity_id
    """,
)

#: Contact table, key column there and in `opt_outs`, what limits the other holders to an index.
_KINDS = {
    "phone": ("phone_numbers", "phone_e164", "phone_e164", "o.phone_e164 = c.phone_e164"),
    "email": ("email_addresses", "email_key", "email_key", "o.email_key = c.email_key"),
    "address": ("addresses", "address_key", "address_key", "o.zip <=> c.zip and o.address_key = c.address_key"),
    "name_zip": ("addresses", "name_zip_key", "name_zip_key", "o.name_zip_key = c.name_zip_key"),
}
_FACTS_OF_PERSONS = "('privacy_deletion', 'deceased', 'mail_suppression')"

_OPT_OUTS_OF_PERSONS = """
select m.entity_id, 'opt_out', r.channel,
    case
        when r.phone_e164 is not null then 'phone' when r.email_key is not null then 'email'
        when r.address_key is not null then 'address' else 'person'
    end,
    coalesce(r.phone_e164, r.email_key, r.address_key), r.opted_out_at, null, null
from crm_members as m
inner join opt_outs as r on r.person_id = m.person_id
"""
_OPT_OUTS_OF_CONTACTS = """
select distinct m.entity_id, 'opt_out', r.channel, '{kind}', c.{key}, r.opted_out_at, null, null
from crm_members as m
inner join {table} as c on c.person_id = m.person_id
inner join opt_outs as r on r.{asked_by} = c.{key}
left join shared_contacts as s on s.kind = '{kind}' and s.contact_key = c.{key}
where s.kind is null
"""
_FACTS_NAMING_PERSONS = f"""
select m.entity_id, f.fact, f.channel, f.contact_kind, f.contact_key, f.starts_at, f.ends_at, null
from crm_members as m
inner join contact_facts as f on f.person_id = m.person_id
where f.fact in {_FACTS_OF_PERSONS} or (f.fact = 'litigator' and f.contact_kind in ('person', 'name_zip'))
"""
_FACTS_OF_CONTACTS = f"""
select distinct m.entity_id, f.fact, f.channel, '{{kind}}', c.{{key}}, f.starts_at, f.ends_at,
    (
        select count(distinct p.entity_id)
        from {{table}} as o
        inner join persons as p on p.id = o.person_id
        where {{same}}
    )
from crm_members as m
inner join {{table}} as c on c.person_id = m.person_id
inner join contact_facts as f on f.contact_kind = '{{kind}}' and f.contact_key = c.{{key}}
left join shared_contacts as s on s.kind = '{{kind}}' and s.contact_key = c.{{key}}
where s.kind is null and (f.fact in {_FACTS_OF_PERSONS} or f.fact in ('litigator', 'reconsent'))
"""

#: Each gives entity, what was said, channel, kind and key of the contact point, when, until when, how many entities
#: have the contact point (null: does not matter).
SAID = (
    _OPT_OUTS_OF_PERSONS,
    _FACTS_NAMING_PERSONS,
    *(
        statement.format(kind=kind, table=table, key=key, asked_by=asked_by, same=same)
        for kind, (table, key, asked_by, same) in _KINDS.items()
        for statement in (_OPT_OUTS_OF_CONTACTS, _FACTS_OF_CONTACTS)
    ),
)
