-- explain
-- What two persons have in common that joins rows, or would if it were not carried by too many.
-- In:  base.row_facts, shared_keys, source_phones, source_emails, source_addresses, source_identifiers, identities, asked(person_id).
-- Out: common_keys(kind, key), too_common(kind, key, surnames).
create or replace table held_keys as
select 'phone' as kind, phone_e164 as key, person_id from source_phones where phone_type is distinct from 'fax'
union
select 'email', email_key, person_id from source_emails
union
select 'record', id_type || ' ' || id_value, person_id from source_identifiers where is_record_id(id_type)
union
select 'name_zip', i.first_key || '|' || i.last_key || '|' || i.generation || '|' || a.zip, i.person_id
from identities as i
inner join source_addresses as a on i.row_id = a.row_id;

create or replace table common_keys as
select k.kind, k.key
from base.row_facts as f
inner join held_keys as k on f.contact = hash(k.kind, k.key) and f.person_id = k.person_id
anti join shared_keys as s on k.kind = s.kind and k.key = s.key
where f.person_id in (select person_id from asked)
group by k.kind, k.key, f.code
having count(distinct f.person_id) = 2
order by k.kind, k.key;

create or replace table too_common as
select s.kind, s.key, s.surnames
from held_keys as k
inner join shared_keys as s on k.kind = s.kind and k.key = s.key
where k.person_id in (select person_id from asked)
group by all
having count(distinct k.person_id) = 2
order by all;
