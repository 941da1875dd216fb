-- What the source rows of each component say, newest first. Everything is decided by values (ties by value, lists
-- sorted), never by ids or order of arrival. A component is whatever `components` says: an exact-tier component, or a
-- single person.
-- In:  identities, source_*, shared_keys, person_identifiers, components(id, component).
-- Out: component_phones, component_emails, component_addresses, component_identifiers, component_names.

create or replace table component_phones as
select c.component, list_sort(list(distinct p.phone_e164)) as phones
from source_phones as p
inner join components as c on p.person_id = c.id
anti join (select key from shared_keys where kind = 'phone') as s on p.phone_e164 = s.key
where p.phone_type is distinct from 'fax'
group by c.component;

create or replace table component_emails as
select c.component, list_sort(list(distinct e.email_key)) as emails
from source_emails as e
inner join components as c on e.person_id = c.id
anti join (select key from shared_keys where kind = 'email') as s on e.email_key = s.key
group by c.component;

-- Owners live abroad too: a postal code of any country says where (T2P 1J9, SW1A 1AA, 2600). One of three or four digits
-- may be a ZIP without its zeros. 9999 and the like are fillers.
create or replace table component_addresses as
with placed as (
    select
        *,
        upper(street) as line,
        case
            when translate(zip, left(zip, 1), '') = '' then null
            when regexp_full_match(zip, '[0-9]{3,4}') then lpad(zip, 5, '0')
            when regexp_full_match(zip, '[A-Z0-9][A-Z0-9 -]{3,9}') and regexp_matches(zip, '[0-9]') then replace(zip, ' ', '')
        end as code
    from source_addresses
)
select
    c.component,
    list_sort(list(distinct a.address_key) filter (a.street is not null)) as address_keys,
    list_sort(list(distinct a.code) filter (a.code is not null)) as zips,
    list_sort(list(distinct regexp_extract(a.line, '[0-9]+') || '|' || a.code)
        filter (regexp_matches(a.line, '[0-9]') and a.code is not null)) as numbers,
    list_sort(list(distinct a.line || '|' || a.code[1:3]) filter (regexp_matches(a.line, '[0-9]') and a.code is not null))
        as lines,
    list_sort(list(distinct a.line) filter (a.line is not null)) as streets,
    list_sort(list(distinct a.line) filter (regexp_matches(a.line, '^[0-9]+ .*[A-Z]{3}'))) as houses,
    arg_max(a.code, struct_pack(day := p.source_date, value := a.code)) filter (a.code is not null) as zip
from placed as a
inner join source_parties as p using (import_id, row_number, party_no)
inner join components as c on a.person_id = c.id
group by c.component;

create or replace table component_identifiers as
select
    c.component,
    list_sort(list(distinct i.key)) as identifiers,
    list_sort(list(distinct i.key) filter (i.is_personal)) as personal_ids,
    list_sort(list(distinct i.id_type) filter (i.is_personal)) as personal_types
from person_identifiers as i
inner join components as c on i.person_id = c.id
group by c.component;

create or replace table component_names as
with births as (
    select
        import_id, row_number, party_no, date_of_birth,
        nullif(regexp_replace(upper(middle_name), '[^A-Z]', '', 'g'), '') as middle_key
    from source_parties
),
-- A company has no birthday and no voter's number: this one is a surname that the census does not know.
surnames as (
    select
        i.*, b.date_of_birth, b.middle_key,
        i.entity_type = 'organization' and not contains(i.organization_key, ' ') and (
            b.date_of_birth is not null
            or i.person_id in (select n.person_id from person_identifiers as n where n.is_personal)
        ) as is_surname
    from identities as i
    inner join births as b using (import_id, row_number, party_no)
),
people as (
    select
        * replace (
            case when is_surname then 'N' else party_class end as party_class,
            case when is_surname then organization_key else last_key end as last_key
        )
    from surnames
),
-- A reversed name is LAST FIRST read as first and last, or LAST FIRST MIDDLE read as first, middle and last.
turned as (
    select
        * replace (
            case when not is_reversed then first_key when length(middle_key) > 1 then middle_key else last_key end as first_key,
            case when is_reversed then first_key else last_key end as last_key
        ),
        substr(case when is_reversed and length(middle_key) > 1 then last_key else middle_key end, 1, 1) as middle
    from people
)
select
    c.component,
    arg_max(struct_pack(first := i.first_key, last := i.last_key), struct_pack(
        whole := i.first_key is not null and i.last_key is not null and length(i.first_key) > 1,
        day := i.source_date, first := i.first_key, last := i.last_key
    )) filter (i.party_class = 'N') as name,
    list_sort(list(distinct i.first_key) filter (i.party_class = 'N' and i.first_key is not null)) as first_names,
    list_sort(list(distinct i.last_key) filter (i.party_class = 'N' and i.last_key is not null)) as last_names,
    bool_or(i.party_class = 'N' and length(i.first_key) > 1) as has_whole_name,
    list_sort(list(distinct i.generation) filter (i.party_class = 'N' and i.generation <> '')) as generations,
    arg_max(i.generation, struct_pack(day := i.source_date, value := i.generation)) filter (i.generation <> '') as generation,
    list_sort(list(distinct i.middle) filter (i.party_class = 'N' and i.middle <> '')) as middles,
    arg_max(i.date_of_birth, struct_pack(day := i.source_date, value := i.date_of_birth)) as dob,
    arg_max(struct_pack(key := i.organization_key, kind := i.entity_type), struct_pack(
        day := i.source_date, key := i.organization_key, kind := i.entity_type
    )) filter (i.party_class like 'O:%') as organization,
    bool_or(i.party_class = 'N') as is_human
from turned as i
inner join components as c on i.person_id = c.id
group by c.component;
