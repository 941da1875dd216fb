-- The contact points of rows that need not be anybody's: what a suppression or a fact is about.
-- In:  what stage_contacts.sql made of the rows: phones_in, phone_values, row_emails, row_addresses, addresses, findings.
-- Out: contact_points(row_number, kind, key), each once; contact_texts(row_number, raw): what stands there, for reports;
--      findings without those that hold for lists of people only.
--
-- A number need not be assigned to anybody: ten digits that no rule of numbering forbids are enough. An address is one if
-- it has a street and a place; a name counts with its ZIP.
create or replace table contact_numbers as
select
    i.row_number,
    v.raw,
    v.phone_raw,
    coalesce(
        case
            when regexp_full_match(regexp_replace(v.phone_raw, '[^0-9]', '', 'g'), '1?[2-9][0-9]{9}')
                and not regexp_matches(v.phone_raw, '[A-Za-z]')
                then '+1' || right(regexp_replace(v.phone_raw, '[^0-9]', '', 'g'), 10)
        end,
        v.phone_e164
    ) as phone_e164
from phones_in as i
inner join phone_values as v on i.raw = v.raw;

create or replace table contact_points as
select distinct row_number, 'phone' as kind, phone_e164 as key from contact_numbers where phone_e164 is not null
union all
select distinct row_number, 'email', email_key from row_emails where email is not null
union all
select distinct row_number, 'address', address_key
from row_addresses
where street is not null and (zip is not null or (city is not null and state is not null))
union all
select distinct row_number, 'name_zip', name_zip_key from addresses where name_zip_key is not null;

create or replace view contact_texts as
select row_number, left(min(raw), 200) as raw
from (select row_number, raw from phones_in union all select row_number, raw from emails_in)
group by row_number;

delete from findings
where row_status is distinct from 'rejected' and field_name in ('phone', 'source_date', 'date_of_birth', 'identifier')
    or error_type = 'MISSING_REQUIRED' and field_name = 'name';

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, 'VALIDATION', 'phone', left(raw, 200), 'Part of the cell is no valid phone number', null
from contact_numbers
where phone_e164 is null and row_number in (select row_number from contact_points);
