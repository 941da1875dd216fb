-- Who owns the keys of the batch, from the tables of schema `state`: what lookup.find_owners asks of MySQL.
-- In:  looked_for(import_id), emails, phones, addresses, identifiers (staged), state.*.
-- Out: owners, name_owners, known_shared, assigned.
create or replace table known_shared as
select s.kind, s.contact_key as contact
from state.shared_contacts as s
semi join (
    select 'email' as kind, email_key as contact from emails where email is not null
    union all
    select 'phone', phone_e164 from phones where phone_e164 is not null
    union all
    select 'record', id_type || ' ' || id_value from identifiers where is_record_id(id_type)
) as l on s.kind = l.kind and s.contact_key = l.contact;

create or replace table found_contacts as
select 'email' as kind, c.email_key as contact, c.person_id, c.source_date
from state.email_addresses as c
semi join (select email_key from emails where email is not null) as l on c.email_key = l.email_key
where c.email is not null
union all
select 'phone', c.phone_e164, c.person_id, c.source_date
from state.phone_numbers as c
semi join (select phone_e164 from phones where phone_e164 is not null) as l on c.phone_e164 = l.phone_e164
union all
select 'record', c.id_type || ' ' || c.id_value, c.person_id, c.source_date
from state.person_identifiers as c
semi join (select id_type, id_value from identifiers where is_record_id(id_type)) as l
    on c.id_type = l.id_type and c.id_value = l.id_value;

create or replace table owners as
select
    c.kind,
    c.contact,
    p.id as person_id,
    p.entity_type,
    p.first_key,
    p.last_key,
    p.name_suffix,
    p.organization_key,
    p.date_of_birth,
    c.source_date
from found_contacts as c
inner join state.persons as p on c.person_id = p.id
anti join known_shared as s on c.kind = s.kind and c.contact = s.contact;

create or replace table name_owners as
select a.name_zip_key as match_key, a.person_id, p.date_of_birth, a.source_date
from state.addresses as a
inner join state.persons as p on a.person_id = p.id
semi join (select name_zip_key from addresses where name_zip_key is not null) as l on a.name_zip_key = l.name_zip_key;

create or replace table assigned as
select s.row_number, s.party_no, s.person_id, s.operation
from state.person_sources as s, looked_for as l
where s.import_id = l.import_id;
