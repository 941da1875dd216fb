-- explain
-- What two persons have in common that joins rows, or would if it were not carried by too many.
-- In:  facts, shared_keys, source_phones, source_emails, compared(person_id). Out: common_keys(kind, key), too_common(kind, key,
--      surnames).
create or replace table common_keys as
select f.kind, f.key
from facts as f
anti join shared_keys as s on f.kind = s.kind and f.key = s.key
where f.person_id in (select person_id from compared)
group by f.kind, f.key, f.class
having count(distinct f.person_id) = 2
order by f.kind, f.key;

create or replace table too_common as
with contacts as (
    select 'phone' as kind, phone_e164 as key, person_id from source_phones where phone_type is distinct from 'fax'
    union
    select 'email', email_key, person_id from source_emails
)
select s.kind, s.key, s.surnames
from contacts as c
inner join shared_keys as s on c.kind = s.kind and c.key = s.key
where c.person_id in (select person_id from compared)
group by all
having count(distinct c.person_id) = 2
order by all;
