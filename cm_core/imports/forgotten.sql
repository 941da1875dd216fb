-- In:  phones, emails, addresses, parties, identifiers (stage_contacts.sql), findings, forgotten_hashes(hash);
--      $inner, $outer: the blocks of the key.
-- Out: forgotten_rows(row_number); they are gone from the staged tables, and one finding says so.
create or replace table forgotten_rows as
with points as (
    select row_number, 'phone' as kind, phone_e164 as key from phones where phone_e164 is not null
    union
    select row_number, 'email', email_key from emails where email is not null
    union
    select row_number, 'name_zip', name_zip_key from addresses where name_zip_key is not null
),
hashed as (
    select kind, key, sha256($outer::blob || unhex(sha256($inner::blob || encode(kind || chr(31) || key)))) as hash
    from (select distinct kind, key from points)
)
select distinct p.row_number
from points as p
inner join hashed as h on p.kind = h.kind and p.key = h.key
inner join forgotten_hashes as f on h.hash = f.hash;

delete from parties where row_number in (select row_number from forgotten_rows);
delete from phones where row_number in (select row_number from forgotten_rows);
delete from emails where row_number in (select row_number from forgotten_rows);
delete from addresses where row_number in (select row_number from forgotten_rows);
delete from identifiers where row_number in (select row_number from forgotten_rows);
delete from findings where row_number in (select row_number from forgotten_rows);

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status, raw_row)
select row_number, 'PRIVACY', null, null, 'Somebody in this row had their data deleted; nothing of it is kept', 'rejected', ''
from forgotten_rows;
