-- Contacts and name keys of the batch that more than one party, or a party and a known person, have: only those can join
-- anybody, and they are few.
-- In:  phones, emails, addresses, identifiers (staged), owners(kind, contact, …), name_owners(match_key, …).
-- Out: party_contacts(row_number, party_no, kind, contact), name_zip_keys(row_number, party_no, match_key).
create or replace view all_contacts as
select row_number, party_no, 'email' as kind, email_key as contact from emails where email is not null
union all
select row_number, party_no, 'phone', phone_e164
from phones
where phone_e164 is not null and phone_type is distinct from 'fax'
union all
select row_number, party_no, 'record', id_type || ' ' || id_value from identifiers where is_record_id(id_type);

create or replace table busy_contacts as
select kind, contact
from (select kind, contact from all_contacts union all select kind, contact from owners)
group by kind, contact
having count(*) > 1;

create or replace table party_contacts as
select distinct c.row_number, c.party_no, c.kind, c.contact
from all_contacts as c
semi join busy_contacts as b on c.kind = b.kind and c.contact = b.contact;

create or replace table busy_names as
select match_key
from (
    select name_zip_key as match_key from addresses where name_zip_key is not null
    union all
    select match_key from name_owners
)
group by match_key
having count(*) > 1;

create or replace table name_zip_keys as
select distinct a.row_number, a.party_no, a.name_zip_key as match_key
from addresses as a
semi join busy_names as b on a.name_zip_key = b.match_key;
