-- What is compared: one record per component.
-- In:  component_*, first_names(first_key, name_class, forms, is_known, male_part).
-- Out: records (humans), legal_records (organisations, trusts, estates, government).
create or replace table records as
select
    n.component as unique_id,
    n.name.first as first_name,
    n.name.last as last_name,
    n.first_names,
    n.last_names,
    coalesce(f.name_class, n.name.first) as name_class,
    coalesce(f.forms, case when n.name.first is null then [] else [n.name.first] end) as name_forms,
    coalesce(f.is_known, false) as name_is_known,
    f.male_part,
    n.generation,
    n.generations,
    n.middles,
    n.dob,
    coalesce(p.phones, []) as phones,
    coalesce(e.emails, []) as emails,
    coalesce(a.address_keys, []) as address_keys,
    coalesce(a.numbers, []) as numbers,
    coalesce(a.lines, []) as lines,
    coalesce(a.streets, []) as streets,
    coalesce(a.houses, []) as houses,
    coalesce(a.zips, []) as zips,
    a.zip,
    coalesce(i.identifiers, []) as identifiers,
    coalesce(i.personal_ids, []) as personal_ids,
    coalesce(i.personal_types, []) as personal_types
from component_names as n
left join first_names as f on n.name.first = f.first_key
left join component_phones as p using (component)
left join component_emails as e using (component)
left join component_addresses as a using (component)
left join component_identifiers as i using (component)
where n.is_human and coalesce(n.name.first, n.name.last) is not null
order by unique_id;

create or replace table legal_records as
select
    n.component as unique_id,
    n.organization.key as organization_key,
    n.organization.kind as entity_type,
    coalesce(p.phones, []) as phones,
    coalesce(e.emails, []) as emails,
    coalesce(a.address_keys, []) as address_keys,
    coalesce(a.numbers, []) as numbers,
    coalesce(a.lines, []) as lines,
    coalesce(a.zips, []) as zips
from component_names as n
left join component_phones as p using (component)
left join component_emails as e using (component)
left join component_addresses as a using (component)
where not coalesce(n.is_human, false) and n.organization.key is not null
order by unique_id;
