create or replace view compliance_call as
select c.entity_id, c.contact_key, c.phone_e164 as contact, c.is_primary,
    if(o.id is null, 'allowed', 'blocked') as verdict,
    if(o.id is null, 'No rule speaks against it', 'Somebody asked not to be called at this number') as reason,
    cast('2026-03-02 06:00:00' as datetime(6)) as checked_at
from int_entity_phones as c
left join opt_outs as o on o.phone_e164 = c.phone_e164 and o.channel in ('call', 'all');

create or replace view compliance_sms as select * from compliance_call;

create or replace view compliance_email as
select entity_id, contact_key, email as contact, is_primary, 'allowed' as verdict, 'No rule speaks against it' as reason,
    cast('2026-03-02 06:00:00' as datetime(6)) as checked_at
from int_entity_emails;

create or replace view compliance_mail as
select entity_id, contact_key, concat_ws(', ', street, city, concat_ws(' ', state, zip)) as contact, is_primary,
    'allowed' as verdict, 'No rule speaks against it' as reason, cast('2026-03-02 06:00:00' as datetime(6)) as checked_at
from int_entity_addresses;

create or replace view crm_candidates as
select p.entity_id, 'inbound' as why, t.touchpoint_type as channel, max(t.touchpoint_date) as answered_at
from touchpoints as t inner join persons as p on p.id = t.person_id
group by p.entity_id, t.touchpoint_type
