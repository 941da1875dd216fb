create or replace view int_golden_persons as
select
    p.entity_id, p.id as person_id, p.entity_type, p.first_name, p.last_name, p.organization_name,
    coalesce(p.organization_name, nullif(concat_ws(' ', p.first_name, p.middle_name, p.last_name), '')) as display_name,
    p.id as name_person_id, p.source_date
from persons as p
where p.id = (
    select m.id from persons as m
    where m.entity_id = p.entity_id
    order by coalesce(m.last_name, m.organization_name) is not null desc, m.name_source_date desc, m.id
    limit 1
);

create or replace view int_entity_phones as
select p.entity_id, c.phone_key as contact_key, max(c.phone_e164) as phone_e164, max(c.extension) as extension,
    max(c.phone_type) as phone_type, max(c.id = (
        select d.id from phone_numbers as d inner join persons as q on q.id = d.person_id
        where q.entity_id = p.entity_id order by d.source_date desc, d.phone_key limit 1
    )) as is_primary,
    max(c.source_date) as source_date
from persons as p inner join phone_numbers as c on c.person_id = p.id
group by p.entity_id, c.phone_key;

create or replace view int_entity_emails as
select p.entity_id, c.email_key as contact_key, max(c.email) as email,
    max(c.id = (
        select d.id from email_addresses as d inner join persons as q on q.id = d.person_id
        where q.entity_id = p.entity_id order by d.source_date desc, d.email_key limit 1
    )) as is_primary,
    max(c.source_date) as source_date
from persons as p inner join email_addresses as c on c.person_id = p.id
group by p.entity_id, c.email_key;

create or replace view int_entity_addresses as
select p.entity_id, c.address_key as contact_key, max(c.street) as street, max(c.city) as city, max(c.state) as state,
    max(c.zip) as zip, max(c.id = (
        select d.id from addresses as d inner join persons as q on q.id = d.person_id
        where q.entity_id = p.entity_id order by d.source_date desc, d.address_key limit 1
    )) as is_primary,
    max(c.source_date) as source_date
from persons as p inner join addresses as c on c.person_id = p.id
group by p.entity_id, c.address_key;

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
