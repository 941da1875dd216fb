-- The marts that a push reads, in small: for months that are too short for dbt to be worth its start. Views, so that they
-- are never out of date; those of golden records are `tests/golden_views.sql`. What they leave out (rules, lists, places, caps) says nothing about people and their agreement.
-- Whoever asked, by whichever contact point: it is the whole entity's.
create or replace view month_asked as
select p.entity_id, o.channel from opt_outs as o inner join persons as p on p.id = o.person_id
union
select p.entity_id, o.channel
from opt_outs as o inner join phone_numbers as c on c.phone_e164 = o.phone_e164 inner join persons as p on p.id = c.person_id
union
select p.entity_id, o.channel
from opt_outs as o inner join email_addresses as c on c.email_key = o.email_key inner join persons as p on p.id = c.person_id
union
select p.entity_id, o.channel
from opt_outs as o inner join addresses as c on c.address_key = o.address_key inner join persons as p on p.id = c.person_id
union
select p.entity_id, o.channel
from opt_outs as o inner join addresses as c on c.name_zip_key = o.name_zip_key inner join persons as p on p.id = c.person_id;

create or replace view compliance_call as
select c.entity_id, c.contact_key, c.phone_e164 as contact, c.is_primary,
    if(exists (
        select 1 from month_asked as a where a.entity_id = c.entity_id and a.channel in ('call', 'sms', 'all')
    ), 'blocked', 'allowed') as verdict,
    'Somebody asked' as reason, utc_timestamp(6) as checked_at
from int_entity_phones as c;

create or replace view compliance_sms as select * from compliance_call;

create or replace view compliance_email as
select c.entity_id, c.contact_key, c.email as contact, c.is_primary,
    if(exists (
        select 1 from month_asked as a where a.entity_id = c.entity_id and a.channel in ('email', 'all')
    ), 'blocked', 'allowed') as verdict,
    'Somebody asked' as reason, utc_timestamp(6) as checked_at
from int_entity_emails as c;

create or replace view compliance_mail as
select c.entity_id, c.contact_key, concat_ws(', ', c.street, c.city, concat_ws(' ', c.state, c.zip)) as contact, c.is_primary,
    if(exists (
        select 1 from month_asked as a where a.entity_id = c.entity_id and a.channel in ('mail', 'all')
    ), 'blocked', 'allowed') as verdict,
    'Somebody asked' as reason, utc_timestamp(6) as checked_at
from int_entity_addresses as c;

create or replace view crm_candidates as
select p.entity_id, 'inbound' as why, t.touchpoint_type as channel, max(t.touchpoint_date) as answered_at
from touchpoints as t inner join persons as p on p.id = t.person_id
where json_unquote(json_extract(t.metadata, '$.direction')) = 'inbound'
    and not exists (
        select 1 from opt_outs as o
        where o.channel in (t.touchpoint_type, 'all') and o.opted_out_at >= t.touchpoint_date
            and (o.phone_e164 = t.phone_e164 or o.person_id = p.id)
    )
group by p.entity_id, t.touchpoint_type
