"""The MySQL of `population`: people of the CRM and whose they are, and what golden records and marts say of them."""

from __future__ import annotations

#: How sources name a person of the CRM in `person_identifiers`.
RECORD_ID = "record:pipedrive_person"

WANTED = (
    "drop temporary table if exists crm_wanted",
    "create temporary table crm_wanted (entity_id bigint not null primary key) engine = InnoDB",
)

CRM_PERSONS = """
select crm_person_id, state, merged_into, record, agreed, manual, entity_id, landed_hash <=> record_hash, said
from crm_persons
"""
LINKS = f"""
select i.id_value, p.entity_id, i.source_date
from person_identifiers as i
inner join persons as p on p.id = i.person_id
where i.id_type = '{RECORD_ID}'
"""
#: Whom we have created there, or may have: nobody gets a second one.
CREATED = """
select entity_id, crm_person_id, state
from crm_steps
where action = 'create' and state in ('applied', 'sending')
"""
SUCCESSORS = "select entity_id, successor_id from entity_successors"
CANDIDATES = "select entity_id, why, channel, answered_at from crm_candidates"

GOLDEN = """
select w.entity_id, g.entity_type, g.display_name, n.name_source_date
from crm_wanted as w
inner join int_golden_persons as g on g.entity_id = w.entity_id
left join persons as n on n.id = g.name_person_id
"""
PHONES = """
select w.entity_id, c.contact_key, c.phone_e164, c.extension, c.phone_type, c.is_primary, c.source_date
from crm_wanted as w
inner join int_entity_phones as c on c.entity_id = w.entity_id
where c.phone_e164 is not null
"""
EMAILS = """
select w.entity_id, c.contact_key, c.email, c.is_primary, c.source_date
from crm_wanted as w
inner join int_entity_emails as c on c.entity_id = w.entity_id
where c.email is not null
"""
ADDRESSES = """
select w.entity_id, concat_ws(', ', c.street, c.city, nullif(concat_ws(' ', c.state, c.zip), '')), c.source_date
from crm_wanted as w
inner join int_entity_addresses as c on c.entity_id = w.entity_id
where c.is_primary = 1 and c.street is not null
"""
#: One for each channel: a mart has no `channel`.
VERDICTS = """
select w.entity_id, '{channel}', v.contact, v.is_primary, v.verdict, v.reason, v.checked_at
from crm_wanted as w
inner join compliance_{channel} as v on v.entity_id = w.entity_id
"""
MARTS = (
    "int_golden_persons", "int_entity_phones", "int_entity_emails", "int_entity_addresses", "compliance_call",
    "compliance_sms", "compliance_email", "compliance_mail", "crm_candidates",
)  # fmt: skip
MARTS_THERE = "select table_name from information_schema.tables where table_schema = database() and table_name in %s"
