-- lineage
-- Which fields of one person each import brought in, or was the newest to confirm.
-- In:  line_imports(import_id, position: 1, 2 ... in order of import); the person's staged rows as line_parties,
--      line_phones, line_emails, line_addresses, line_identifiers.
-- Out: line_fields(import_id, field).
--
-- A contact point is brought in by the first import that has it, and confirmed last by the one whose row is the newest (of
-- equally new ones, the first to come). The name is one unit, as in cm_core/upsert/fold.sql: an import brought it in if,
-- after that import, the name in force was its own.
create or replace table line_fields as
with imports as (
    select * from line_imports
),
contacts as (
    select import_id, 'phone' as field, phone_key as value, source_date from line_phones
    union all
    select import_id, 'email', email_key, source_date from line_emails
    union all
    select import_id, 'address', address_key, source_date from line_addresses
    union all
    select import_id, 'identifier', id_type || '|' || id_value, source_date from line_identifiers
),
kept_contacts as (
    select
        i.position,
        c.field,
        min(i.position) over (partition by c.field, c.value) as brought_in,
        first_value(i.position) over (partition by c.field, c.value order by c.source_date desc, i.position) as confirmed
    from contacts as c
    inner join imports as i using (import_id)
),
parties as (
    select
        i.position,
        p.*,
        (first_name is not null)::int + (middle_name is not null)::int + (last_name is not null)::int
        + (name_suffix is not null)::int + (name_prefix is not null)::int as name_parts,
        concat_ws(chr(31), organization_name, last_name, first_name, middle_name, name_suffix, name_prefix, entity_type)
            as name_text
    from line_parties as p
    inner join imports as i using (import_id)
),
names_in_force as (
    select i.position as after_import, p.*
    from imports as i
    inner join parties as p on p.position <= i.position
    where coalesce(p.first_name, p.last_name, p.organization_name) is not null
    qualify row_number() over (
        partition by i.position
        order by p.source_date desc, p.name_parts desc, p.name_text, p.position, p.row_number, p.party_no
    ) = 1
),
births_in_force as (
    select i.position as after_import, p.*
    from imports as i
    inner join parties as p on p.position <= i.position
    where p.date_of_birth is not null
    qualify row_number() over (
        partition by i.position order by p.source_date desc, p.date_of_birth, p.position, p.row_number, p.party_no
    ) = 1
),
kept_names as (
    select
        position,
        unnest([
            case when name_prefix is not null then 'name_prefix' end,
            case when first_name is not null then 'first_name' end,
            case when middle_name is not null then 'middle_name' end,
            case when last_name is not null then 'last_name' end,
            case when name_suffix is not null then 'name_suffix' end,
            case when organization_name is not null then 'organization_name' end
        ]) as field
    from names_in_force
    where position = after_import
),
kept as (
    select position, field from kept_contacts where position in (brought_in, confirmed)
    union
    select position, field from kept_names where field is not null
    union
    select position, 'date_of_birth' from births_in_force where position = after_import
)
select i.import_id, k.field
from kept as k
inner join imports as i on k.position = i.position;
