-- Golden records and their contact points as views, in place of the models of dbt that have the same names: for tests
-- of what reads them.
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
group by p.entity_id, c.address_key
