-- From standardised distinct values to the staged tables of a contacts import.
-- In:  source_rows(row_number), names_in, phones_in, emails_in, addresses_in, identifiers_in, dates_in (views over the file),
--      name_parties, phone_values, email_values, address_values (answers of the hygiene package),
--      parameters(file_date); the macros of dates.sql.
-- Out: parties, phones, emails, addresses, identifiers, rows_dated, findings (rejected and kept).

-- Dates repeat: each text is parsed once.
create or replace table date_values as
with texts as (
    select source_date_raw as raw from dates_in where source_date_raw is not null
    union
    select date_of_birth_raw from dates_in where date_of_birth_raw is not null
),
parsed as (
    select raw, moment_of(raw) as moment from texts
)
select raw, moment, birth_of(raw, moment, p.file_date)::date as birth
from parsed
cross join parameters as p;

create or replace table rows_dated as
with parsed as (
    select
        d.row_number,
        d.source_date_raw,
        d.date_of_birth_raw,
        s.moment as source_date,
        b.birth as date_of_birth
    from dates_in as d
    left join date_values as s on d.source_date_raw = s.raw
    left join date_values as b on d.date_of_birth_raw = b.raw
)
select
    row_number,
    source_date_raw,
    date_of_birth_raw,
    case
        when source_date between timestamp '1970-01-01' and p.file_date + interval 1 day then source_date
        else p.file_date
    end as source_date,
    source_date_raw is not null
        and (source_date is null or source_date not between timestamp '1970-01-01' and p.file_date + interval 1 day)
        as source_date_bad,
    case when date_of_birth between date '1850-01-01' and p.file_date::date then date_of_birth end as date_of_birth,
    date_of_birth_raw is not null
        and (date_of_birth is null or date_of_birth not between date '1850-01-01' and p.file_date::date)
        as date_of_birth_bad
from parsed, parameters as p;

-- Contact points of each row, once per key. Only rows that have several need sorting; most have one.
-- `is_first` is the one that is primary if its row is all that is known of the person (the rule of fold.sql).
create or replace table found_phones as
select
    i.row_number,
    v.phone_raw,
    v.phone_e164,
    v.extension,
    i.phone_type,
    v.region,
    v.invalid_reason,
    coalesce(v.phone_e164 || coalesce('x' || v.extension, ''), v.phone_raw) as phone_key,
    i.ordinal,
    v.seq
from phones_in as i
inner join phone_values as v on i.raw = v.raw
where v.phone_raw is not null;

create or replace table row_phones as
with several as (
    select row_number from found_phones group by row_number having count(*) > 1
),
distinct_phones as (
    select *
    from found_phones as f
    semi join several as s on f.row_number = s.row_number
    qualify row_number() over (
        partition by row_number, phone_key order by phone_type is null, phone_type, ordinal, seq
    ) = 1
)
select * exclude (ordinal, seq), phone_e164 is not null as is_first
from found_phones as f
anti join several as s on f.row_number = s.row_number
union all
select
    * exclude (ordinal, seq),
    phone_e164 is not null and row_number() over (
        partition by row_number
        order by phone_e164 is null, phone_type is not distinct from 'fax', phone_key
    ) = 1
from distinct_phones;

create or replace table found_emails as
select i.row_number, v.email_raw, v.email, v.email_key, v.invalid_reason, i.ordinal, v.seq
from emails_in as i
inner join email_values as v on i.raw = v.raw
where v.email_key is not null;

create or replace table row_emails as
with several as (
    select row_number from found_emails group by row_number having count(*) > 1
),
distinct_emails as (
    select *
    from found_emails as f
    semi join several as s on f.row_number = s.row_number
    qualify row_number() over (partition by row_number, email_key order by ordinal, seq) = 1
)
select * exclude (ordinal, seq), email is not null as is_first
from found_emails as f
anti join several as s on f.row_number = s.row_number
union all
select
    * exclude (ordinal, seq),
    email is not null and row_number() over (partition by row_number order by email is null, email_key) = 1
from distinct_emails;

create or replace table found_addresses as
select
    i.row_number,
    v.address_raw,
    i.address_type,
    v.care_of,
    v.street,
    v.city,
    v.state,
    v.zip,
    v.zip4,
    v.county,
    v.address_key,
    v.invalid_reason,
    i.ordinal
from addresses_in as i
inner join address_ids as k on i.value_key = k.value_key
inner join address_values as v on k.address_id = v.address_id
where v.address_key is not null;

create or replace table row_addresses as
with several as (
    select row_number from found_addresses group by row_number having count(*) > 1
),
distinct_addresses as (
    select *
    from found_addresses as f
    semi join several as s on f.row_number = s.row_number
    qualify row_number() over (partition by row_number, address_key order by ordinal) = 1
)
select * exclude (ordinal), true as is_first
from found_addresses as f
anti join several as s on f.row_number = s.row_number
union all
select
    * exclude (ordinal),
    row_number() over (
        partition by row_number
        order by invalid_reason is not null, street is null, address_type is distinct from 'mailing', address_key
    ) = 1
from distinct_addresses;

create or replace table row_identifiers as
select distinct row_number, id_type, trim(raw) as id_value
from identifiers_in
where length(trim(raw)) between 1 and 255;

-- Humans and organisations of each row. The contact named beside an owner is a party of its own, unless it is the
-- owner again; alone, it is the owner. So is the second owner (slot 3), who shares the household. A row without any name but with a valid phone or e-mail is somebody unknown.
create or replace table named_parties as
select
    i.row_number,
    i.slot,
    v.seq,
    case i.slot when 2 then 'contact' when 3 then 'joint_owner' else v.role end as role,
    v.entity_type,
    v.name_prefix,
    v.first_name,
    v.middle_name,
    v.last_name,
    v.name_suffix,
    v.organization_name,
    v.first_key,
    v.last_key,
    v.organization_key
from names_in as i
inner join name_ids as k on i.value_key = k.value_key
inner join name_parties as v on k.name_id = v.name_id
where coalesce(v.first_name, v.last_name, v.organization_name) is not null;

create or replace table row_parties as
with several as (
    select row_number from named_parties group by row_number having count(*) > 1
),
distinct_parties as (
    select *
    from named_parties as p
    semi join several as s on p.row_number = s.row_number
    qualify row_number() over (
        partition by row_number, first_key, last_key, upper(name_suffix), organization_key order by slot, seq
    ) = 1
),
reachable as (
    select row_number from row_phones where phone_e164 is not null
    union
    select row_number from row_emails where email is not null
),
nameless as (
    select r.row_number
    from reachable as r
    anti join named_parties as d on r.row_number = d.row_number
),
numbered as (
    select *, 1 as party_no
    from named_parties as p
    anti join several as s on p.row_number = s.row_number
    union all by name
    select row_number, 'owner' as role, 'unknown' as entity_type, 1 as party_no from nameless
    union all by name
    select *, row_number() over (partition by row_number order by slot, seq) as party_no from distinct_parties
)
select
    row_number,
    party_no::smallint as party_no,
    case when party_no = 1 then 'owner' else role end as role,
    entity_type,
    name_prefix,
    first_name,
    middle_name,
    last_name,
    name_suffix,
    organization_name,
    first_key,
    last_key,
    organization_key
from numbered;

create or replace table joint_rows as
select row_number from row_parties where party_no > 1 group by row_number;

create or replace table nobodies as
select s.row_number
from source_rows as s
anti join row_parties as p on s.row_number = p.row_number;

create or replace table parties as
select
    p.*,
    d.source_date,
    case when p.party_no = 1 and p.entity_type in ('person', 'unknown') then d.date_of_birth end as date_of_birth
from row_parties as p
inner join rows_dated as d on p.row_number = d.row_number;

-- Phones and addresses reach everybody of the row. An e-mail address is one person's: the first party has it, and
-- beside an organisation its contact (or beside a person the employer), but never a second human.
create or replace table phones as
select p.party_no, r.*
from row_phones as r
inner join row_parties as p on r.row_number = p.row_number;

create or replace table emails as
with kinds as (
    select p.row_number, p.party_no, p.entity_type in ('person', 'unknown') as is_human
    from row_parties as p
    semi join joint_rows as c on p.row_number = c.row_number
)
select p.party_no, r.*
from row_emails as r
inner join row_parties as p on r.row_number = p.row_number
anti join joint_rows as c on r.row_number = c.row_number
union all
(
    select p.party_no, r.*
    from row_emails as r
    inner join kinds as p on r.row_number = p.row_number
    inner join kinds as f on r.row_number = f.row_number and f.party_no = 1
    where p.party_no = 1 or p.is_human <> f.is_human
    qualify row_number() over (partition by r.row_number, r.email_key, p.is_human order by p.party_no) = 1
);

create or replace table addresses as
select
    p.party_no,
    r.*,
    case
        when p.entity_type = 'person' and p.first_key <> '' and p.last_key <> '' and regexp_full_match(r.zip, '[0-9]{5}')
        then p.first_key || '|' || p.last_key || '|' || generation_of(p.name_suffix) || '|' || r.zip
    end as name_zip_key
from row_addresses as r
inner join row_parties as p on r.row_number = p.row_number;

create or replace table identifiers as
select 1::smallint as party_no, r.*
from row_identifiers as r
semi join row_parties as p on r.row_number = p.row_number;

-- What was wrong in rows that stay, and rows that cannot.
insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select i.row_number, 'VALIDATION', 'phone', left(i.raw, 200), 'Longer than a phone number can be; kept raw only', null
from phones_in as i
inner join phone_values as v on i.raw = v.raw
where v.phone_raw is null
union all
select i.row_number, 'VALIDATION', 'email', left(i.raw, 200), 'Longer than an e-mail address can be; kept raw only', null
from emails_in as i
inner join email_values as v on i.raw = v.raw
where v.email_key is null
union all
select i.row_number, 'VALIDATION', 'address', left(i.shown, 200), 'Longer than an address can be; kept raw only', null
from addresses_in as i
inner join address_ids as k on i.value_key = k.value_key
inner join address_values as v on k.address_id = v.address_id
where v.address_key is null
union all
select row_number, 'MISSING_REQUIRED', 'name', null, 'The row names nobody and has no valid phone or e-mail', 'rejected'
from nobodies
union all
select row_number, 'VALIDATION', 'phone', phone_raw, 'Invalid phone number: ' || invalid_reason, null
from row_phones
where invalid_reason is not null
union all
select row_number, 'VALIDATION', 'email', email_raw, 'Invalid email: ' || invalid_reason, null
from row_emails
where invalid_reason is not null
union all
select row_number, 'VALIDATION', 'address', address_raw, 'Address not standardised: ' || invalid_reason, null
from row_addresses
where invalid_reason is not null and invalid_reason <> 'no_street'
union all
select i.row_number, 'VALIDATION', 'name', left(i.shown, 200), 'Name not understood: ' || v.invalid_reason, null
from names_in as i
inner join name_ids as k on i.value_key = k.value_key
inner join name_parties as v on k.name_id = v.name_id
where v.invalid_reason is not null
union all
select row_number, 'TYPE', 'source_date', source_date_raw, 'Not a date in the past; the file''s date is used', null
from rows_dated
where source_date_bad
union all
select row_number, 'TYPE', 'date_of_birth', date_of_birth_raw,
    case when has_short_year(date_of_birth_raw) then 'Not a date of birth, or one of either century; kept raw only'
        else 'Not a date of birth; kept raw only' end,
    null
from rows_dated
where date_of_birth_bad
union all
select row_number, 'VALIDATION', 'identifier', left(raw, 200), 'Longer than 255 characters; kept raw only', null
from identifiers_in
where length(trim(raw)) > 255;
