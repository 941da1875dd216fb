-- The batch's rows and the current state of the persons they touch, folded into what the tables should say.
-- Every fold is a join of facts by (source date, value), so that the order of imports does not matter:
-- the newest source wins, equal dates are decided by value, blanks never overwrite.
-- In:  spread, parties, phones, emails, addresses, identifiers (staged), current_persons, current_phones,
--      current_emails, current_addresses, current_identifiers, rules.
-- Out: folded_persons, folded_phones, folded_emails, folded_addresses, folded_identifiers; each row carries
--      won_by (the row that brought the winning value, null: the database had it) and is_new.

-- Persons -----------------------------------------------------------------------------------------------------------
create or replace table person_facts as
select
    a.person_id,
    a.row_number,
    p.source_date,
    p.entity_type,
    p.name_prefix,
    p.first_name,
    p.middle_name,
    p.last_name,
    p.name_suffix,
    p.organization_name,
    p.first_key,
    p.last_key,
    p.organization_key,
    case when coalesce(p.first_name, p.last_name, p.organization_name) is not null then p.source_date end
        as name_source_date,
    p.date_of_birth,
    case when p.date_of_birth is not null then p.source_date end as birth_source_date
from spread as a
inner join parties as p on a.row_number = p.row_number and a.party_no = p.party_no
union all by name
select
    id as person_id, source_date, entity_type, name_prefix, first_name, middle_name, last_name, name_suffix,
    organization_name, first_key, last_key, organization_key, name_source_date, date_of_birth, birth_source_date
from current_persons;

create or replace table folded_persons as
with names as (
    select distinct on (person_id) *
    from person_facts
    where name_source_date is not null
    order by
        person_id,
        name_source_date desc,
        (first_name is not null)::int + (middle_name is not null)::int + (last_name is not null)::int
        + (name_suffix is not null)::int + (name_prefix is not null)::int desc,
        concat_ws(
            chr(31), organization_name, last_name, first_name, middle_name, name_suffix, name_prefix, entity_type
        ),
        row_number nulls first
),
births as (
    select distinct on (person_id) person_id, date_of_birth, birth_source_date, row_number
    from person_facts
    where date_of_birth is not null
    order by person_id, birth_source_date desc, date_of_birth, row_number nulls first
),
dates as (
    select
        person_id,
        max(source_date) as source_date,
        min(row_number) as first_row,
        arg_max(row_number, struct_pack(d := source_date, r := -coalesce(row_number, 0))) as newest_row
    from person_facts
    group by person_id
)
select
    d.person_id as id,
    coalesce(n.entity_type, 'unknown') as entity_type,
    n.name_prefix,
    n.first_name,
    n.middle_name,
    n.last_name,
    n.name_suffix,
    n.organization_name,
    n.first_key,
    n.last_key,
    n.organization_key,
    b.date_of_birth,
    n.name_source_date,
    b.birth_source_date,
    d.source_date,
    c.id is null as is_new,
    d.first_row,
    n.row_number as name_won_by,
    b.row_number as birth_won_by,
    d.newest_row,
    c.id is not null and (
        (n.first_name, n.middle_name, n.last_name, n.name_suffix, n.name_prefix, n.organization_name, n.entity_type)
        is distinct from (
            c.first_name, c.middle_name, c.last_name, c.name_suffix, c.name_prefix, c.organization_name,
            case when n.person_id is null then null else c.entity_type end
        )
        or n.name_source_date is distinct from c.name_source_date
        or (b.date_of_birth, b.birth_source_date) is distinct from (c.date_of_birth, c.birth_source_date)
        or d.source_date is distinct from c.source_date
    ) as is_changed
from dates as d
left join names as n on d.person_id = n.person_id
left join births as b on d.person_id = b.person_id
left join current_persons as c on d.person_id = c.id;

-- Phones ------------------------------------------------------------------------------------------------------------
create or replace table folded_phones as
with facts as (
    select a.person_id, a.row_number, a.source_date, p.phone_key, p.phone_raw, p.phone_e164, p.extension,
        p.phone_type, p.region, p.invalid_reason
    from spread as a
    inner join phones as p on a.row_number = p.row_number and a.party_no = p.party_no
    union all by name
    select person_id, source_date, phone_key, phone_raw, phone_e164, extension, phone_type, region, invalid_reason
    from current_phones
),
newest as (
    select distinct on (person_id, phone_key) *
    from facts
    order by person_id, phone_key, source_date desc, phone_raw, row_number nulls first
),
types as (
    select person_id, phone_key,
        arg_min(phone_type, case phone_type when 'mobile' then 1 when 'landline' then 2 when 'voip' then 3 else 4 end)
            filter (where phone_type is not null) as phone_type
    from facts
    group by all
),
merged as (
    select n.person_id, n.phone_key, n.phone_raw, n.phone_e164, n.extension, t.phone_type, n.region, n.invalid_reason,
        n.source_date, n.row_number as won_by,
        n.phone_e164 is not null and row_number() over (
            partition by n.person_id
            order by n.phone_e164 is null, t.phone_type is not distinct from 'fax', n.source_date desc, n.phone_key
        ) = 1 as is_primary
    from newest as n
    inner join types as t on n.person_id = t.person_id and n.phone_key = t.phone_key
)
select m.*, c.id, c.id is null as is_new,
    c.id is not null and (m.phone_raw, m.phone_type, m.source_date, m.is_primary)
    is distinct from (c.phone_raw, c.phone_type, c.source_date, c.is_primary) as is_changed
from merged as m
left join current_phones as c on m.person_id = c.person_id and m.phone_key = c.phone_key;

-- E-mails -----------------------------------------------------------------------------------------------------------
create or replace table folded_emails as
with facts as (
    select a.person_id, a.row_number, a.source_date, e.email_key, e.email_raw, e.email, e.invalid_reason
    from spread as a
    inner join emails as e on a.row_number = e.row_number and a.party_no = e.party_no
    union all by name
    select person_id, source_date, email_key, email_raw, email, invalid_reason from current_emails
),
newest as (
    select distinct on (person_id, email_key) *
    from facts
    order by person_id, email_key, source_date desc, email_raw, row_number nulls first
),
merged as (
    select person_id, email_key, email_raw, email, invalid_reason, source_date, row_number as won_by,
        email is not null and row_number() over (
            partition by person_id order by email is null, source_date desc, email_key
        ) = 1 as is_primary
    from newest
)
select m.*, c.id, c.id is null as is_new,
    c.id is not null and (m.email_raw, m.source_date, m.is_primary)
    is distinct from (c.email_raw, c.source_date, c.is_primary) as is_changed
from merged as m
left join current_emails as c on m.person_id = c.person_id and m.email_key = c.email_key;

-- Addresses ---------------------------------------------------------------------------------------------------------
create or replace table folded_addresses as
with facts as (
    select a.person_id, a.row_number, a.source_date, d.address_key, d.address_raw, d.address_type, d.care_of, d.street,
        d.city, d.state, d.zip, d.zip4, d.county, d.invalid_reason, d.name_zip_key
    from spread as a
    inner join addresses as d on a.row_number = d.row_number and a.party_no = d.party_no
    union all by name
    select person_id, source_date, address_key, address_raw, address_type, care_of, street, city, state, zip, zip4,
        county, invalid_reason, name_zip_key
    from current_addresses
),
newest as (
    select distinct on (person_id, address_key) *
    from facts
    order by person_id, address_key, source_date desc, address_raw, row_number nulls first
),
extras as (
    select person_id, address_key, max(care_of) as care_of, max(zip4) as zip4, max(county) as county,
        arg_min(address_type, case address_type when 'mailing' then 1 when 'residential' then 2 else 3 end)
            filter (where address_type is not null) as address_type,
        arg_max(name_zip_key, struct_pack(d := source_date, k := name_zip_key))
            filter (where name_zip_key is not null) as name_zip_key
    from facts
    group by all
),
merged as (
    select n.person_id, n.address_key, n.address_raw, x.address_type, x.care_of, n.street, n.city, n.state, n.zip,
        x.zip4, x.county, n.invalid_reason, n.source_date, n.row_number as won_by,
        row_number() over (
            partition by n.person_id
            order by n.invalid_reason is not null, n.street is null, n.source_date desc,
                x.address_type is distinct from 'mailing', n.address_key
        ) = 1 as is_primary,
        x.name_zip_key
    from newest as n
    inner join extras as x on n.person_id = x.person_id and n.address_key = x.address_key
)
select m.*, c.id, c.id is null as is_new,
    c.id is not null and (
        m.address_raw, m.address_type, m.care_of, m.zip4, m.county, m.source_date, m.is_primary, m.name_zip_key
    ) is distinct from (
        c.address_raw, c.address_type, c.care_of, c.zip4, c.county, c.source_date, c.is_primary, c.name_zip_key
    ) as is_changed
from merged as m
left join current_addresses as c on m.person_id = c.person_id and m.address_key = c.address_key;

-- Identifiers -------------------------------------------------------------------------------------------------------
create or replace table folded_identifiers as
with facts as (
    select a.person_id, a.row_number, a.source_date, i.id_type, i.id_value
    from spread as a
    inner join identifiers as i on a.row_number = i.row_number and a.party_no = i.party_no
    union all by name
    select person_id, source_date, id_type, id_value from current_identifiers
),
newest as (
    select distinct on (person_id, id_type, id_value) *
    from facts
    order by person_id, id_type, id_value, source_date desc, row_number nulls first
)
select n.person_id, n.id_type, n.id_value, n.source_date, n.row_number as won_by, c.id, c.id is null as is_new,
    c.id is not null and n.source_date is distinct from c.source_date as is_changed
from newest as n
left join current_identifiers as c
    on n.person_id = c.person_id and n.id_type = c.id_type and n.id_value = c.id_value;
