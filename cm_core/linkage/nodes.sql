-- What the source rows of each component say, newest first. Everything is decided by values (ties by value, lists
-- sorted), never by ids or order of arrival. A component is whatever `components` says: an exact-tier component, or a
-- single person.
-- In:  identities, source_*, base.shared_contacts, base.person_identifiers, components(id, component).
-- Out: component_phones, component_emails, component_addresses, component_identifiers, component_names.
--
-- Most components have one row, or several that say the same: lists are gathered only for the others.
create or replace macro one_or_two(lowest, highest) as
    case when lowest is null then [] when lowest = highest then [lowest] else [lowest, highest] end;

create or replace macro only_one(value) as case when value is not null then [value] end;

create or replace table component_phones as
select component, list_sort(list(phone)) as phones
from (
    select distinct c.component, p.phone_e164 as phone
    from source_phones as p
    inner join components as c on p.person_id = c.id
    where p.phone_type is distinct from 'fax'
        and hash('phone', p.phone_e164) not in (select contact from base.shared_contacts)
)
group by component;

create or replace table component_emails as
select component, list_sort(list(email)) as emails
from (
    select distinct c.component, e.email_key as email
    from source_emails as e
    inner join components as c on e.person_id = c.id
    where hash('email', e.email_key) not in (select contact from base.shared_contacts)
)
group by component;

-- Owners live abroad too: a postal code of any country says where (T2P 1J9, SW1A 1AA, 2600). One of three or four digits
-- may be a ZIP without its zeros. 9999 and the like are fillers.
create or replace macro postal_code(zip) as case
    when translate(zip, left(zip, 1), '') = '' then null
    when regexp_full_match(zip, '[0-9]{5}') then zip
    when regexp_full_match(zip, '[0-9]{3,4}') then lpad(zip, 5, '0')
    when regexp_full_match(zip, '[A-Z0-9][A-Z0-9 -]{3,9}') and regexp_matches(zip, '[0-9]') then replace(zip, ' ', '')
end;

-- A whole town is no address: general delivery, a remark in its place (RETURN TO SENDER), and a route or a road of which
-- nothing but a box or a lot would say where.
create or replace macro place_key(key, line) as case
    when line is null or not regexp_matches(line, '[0-9]|\bBOX [A-Z]{1,2}$') or starts_with(key, 'G|') then null
    when regexp_matches(key, '^(?:S\|\||R\|[^|]*\|[^|]*\|\|)')
        and not regexp_matches(line, '\b(?:BOX|LOT) (?:[A-Z]?[0-9]|[A-Z]{1,2}$)')
        then null
    else key
end;

create or replace table placed_rows as
with placed as (
    select distinct
        c.component,
        place_key(a.address_key, a.street) as address_key,
        upper(a.street) as line,
        postal_code(a.zip) as code
    from source_addresses as a
    inner join components as c on a.person_id = c.id
),
numbered as (
    select
        *,
        nullif(regexp_extract(line, '[1-9][0-9]*'), '') as digits,
        regexp_matches(line, '^[1-9][0-9]* .*[A-Z]{3}') as is_house
    from placed
)
select
    component,
    address_key,
    line,
    code,
    digits || '|' || code as number,
    case when digits is not null then line || '|' || code[1:3] end as regional_line,
    case when is_house then line end as house
from numbered;

create or replace table place_counts as
select component, count(*) as places from placed_rows group by component;

create or replace table component_addresses as
with listed as (
    select
        component,
        one_or_two(address_key, address_key) as address_keys,
        one_or_two(code, code) as zips,
        one_or_two(number, number) as numbers,
        one_or_two(regional_line, regional_line) as lines,
        one_or_two(line, line) as streets,
        one_or_two(house, house) as houses
    from placed_rows
    where component in (select component from place_counts where places = 1)
    union all
    select
        component,
        one_or_two(min(address_key), max(address_key)),
        one_or_two(min(code), max(code)),
        one_or_two(min(number), max(number)),
        one_or_two(min(regional_line), max(regional_line)),
        one_or_two(min(line), max(line)),
        one_or_two(min(house), max(house))
    from placed_rows
    where component in (select component from place_counts where places = 2)
    group by component
    union all
    select
        component,
        coalesce(list_sort(list(distinct address_key) filter (address_key is not null)), []),
        coalesce(list_sort(list(distinct code) filter (code is not null)), []),
        coalesce(list_sort(list(distinct number) filter (number is not null)), []),
        coalesce(list_sort(list(distinct regional_line) filter (regional_line is not null)), []),
        coalesce(list_sort(list(distinct line) filter (line is not null)), []),
        coalesce(list_sort(list(distinct house) filter (house is not null)), [])
    from placed_rows
    where component in (select component from place_counts where places > 2)
    group by component
),
newest as (
    select c.component, arg_max(postal_code(a.zip), struct_pack(day := p.source_date, value := postal_code(a.zip))) as zip
    from components as c
    inner join source_addresses as a on c.id = a.person_id
    inner join source_parties as p on a.row_id = p.row_id
    where c.component in (select component from listed where len(zips) > 1) and postal_code(a.zip) is not null
    group by c.component
)
select l.*, case when len(l.zips) = 1 then l.zips[1] else n.zip end as zip
from listed as l
left join newest as n on l.component = n.component;

create or replace table component_identifiers as
select
    c.component,
    list_sort(list(distinct i.key)) as identifiers,
    list_sort(list(distinct i.key) filter (i.is_personal)) as personal_ids,
    list_sort(list(distinct i.id_type) filter (i.is_personal)) as personal_types
from base.person_identifiers as i
inner join components as c on i.person_id = c.id
group by c.component;

create or replace table named_rows as
with people as (
    -- A company has no birthday and no voter's number: this one is a surname that the census does not know.
    select
        *,
        entity_type = 'organization' and not contains(organization_key, ' ') and (
            date_of_birth is not null
            or person_id in (select n.person_id from base.person_identifiers as n where n.is_personal)
        ) as is_surname
    from identities
),
read as (
    select
        * replace (
            case when is_surname then 'N' else party_class end as party_class,
            case when is_surname then organization_key else last_key end as last_key
        )
    from people
),
-- A reversed name is LAST FIRST read as first and last, or LAST FIRST MIDDLE read as first, middle and last.
turned as (
    select
        * replace (
            case when not is_reversed then first_key when length(middle_key) > 1 then middle_key else last_key end as first_key,
            case when is_reversed then first_key else last_key end as last_key
        ),
        substr(case when is_reversed and length(middle_key) > 1 then last_key else middle_key end, 1, 1) as middle
    from read
)
select
    c.component,
    t.source_date,
    coalesce(t.party_class = 'N', false) as is_human,
    case when t.party_class = 'N' then t.first_key end as first_name,
    case when t.party_class = 'N' then t.last_key end as last_name,
    case when t.party_class = 'N' then nullif(t.generation, '') end as generation,
    nullif(t.generation, '') as any_generation,
    case when t.party_class = 'N' then nullif(t.middle, '') end as middle,
    t.date_of_birth,
    case when t.party_class like 'O:%' then struct_pack(key := t.organization_key, kind := t.entity_type) end as organization
from turned as t
inner join components as c on t.person_id = c.id;

create or replace table name_counts as
select
    component,
    count(*) as rows,
    min(first_name) is distinct from max(first_name) or min(last_name) is distinct from max(last_name)
    or min(generation) is distinct from max(generation) or min(middle) is distinct from max(middle) as differ
from named_rows
group by component;

create or replace table component_names as
with alone as (
    select
        component,
        case when is_human then struct_pack(first := first_name, last := last_name) end as name,
        only_one(first_name) as first_names,
        only_one(last_name) as last_names,
        only_one(generation) as generations,
        any_generation as generation,
        only_one(middle) as middles,
        date_of_birth as dob,
        organization,
        is_human
    from named_rows
    where component in (select component from name_counts where rows = 1)
),
newest as (
    select
        component,
        arg_max(struct_pack(first := first_name, last := last_name), struct_pack(
            whole := first_name is not null and last_name is not null and length(first_name) > 1,
            day := source_date, first := first_name, last := last_name
        )) filter (is_human) as name,
        min(first_name) as first_name,
        min(last_name) as last_name,
        min(generation) as only_generation,
        min(middle) as middle,
        arg_max(any_generation, struct_pack(day := source_date, value := any_generation))
            filter (any_generation is not null) as generation,
        arg_max(date_of_birth, struct_pack(day := source_date, value := date_of_birth)) as dob,
        arg_max(organization, struct_pack(day := source_date, key := organization.key, kind := organization.kind))
            filter (organization is not null) as organization,
        bool_or(is_human) as is_human
    from named_rows
    where component in (select component from name_counts where rows > 1)
    group by component
),
various as (
    select
        component,
        list_sort(list(distinct first_name) filter (first_name is not null)) as first_names,
        list_sort(list(distinct last_name) filter (last_name is not null)) as last_names,
        list_sort(list(distinct generation) filter (generation is not null)) as generations,
        list_sort(list(distinct middle) filter (middle is not null)) as middles
    from named_rows
    where component in (select component from name_counts where differ)
    group by component
)
from alone
union all
select
    n.component,
    n.name,
    coalesce(v.first_names, only_one(n.first_name)),
    coalesce(v.last_names, only_one(n.last_name)),
    coalesce(v.generations, only_one(n.only_generation)),
    n.generation,
    coalesce(v.middles, only_one(n.middle)),
    n.dob,
    n.organization,
    n.is_human
from newest as n
left join various as v on n.component = v.component;
