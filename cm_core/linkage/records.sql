-- What is compared: one record per component.
-- In:  component_*, first_names(first_key, name_class, forms, is_known, male_part).
-- Out: new_records (humans), new_legal_records (organisations, trusts, estates, government).

-- An initial (R BARAJAS) with an address that spells it out (RICHARD_BARAJAS@, BARAJASRICHARD12@) is that name.
create or replace table spelled_out as
with boxes as (
    select
        n.component,
        n.name.first as initial,
        n.name.last as last_name,
        unnest(e.emails) as email
    from component_names as n
    inner join component_emails as e using (component)
    where length(n.name.first) = 1
),
words as (
    select
        component,
        initial,
        replace(unnest(regexp_split_to_array(upper(split_part(email, '@', 1)), '[^A-Z]+')), coalesce(last_name, ''), '') as word
    from boxes
)
select w.component, min(w.word) as first_name
from words as w
inner join first_names as f on w.word = f.first_key
where f.is_known and length(w.word) > 2 and w.word[1] = w.initial
group by w.component
having count(distinct w.word) = 1;

create or replace table new_records as
select
    n.component as unique_id,
    coalesce(s.first_name, n.name.first) as first_name,
    n.name.last as last_name,
    n.name.first as given_name,
    case when s.first_name is null then n.first_names else list_append(n.first_names, s.first_name) end as first_names,
    n.last_names,
    coalesce(f.name_class, s.first_name, n.name.first) as name_class,
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
left join spelled_out as s using (component)
left join first_names as f on coalesce(s.first_name, n.name.first) = f.first_key
left join component_phones as p using (component)
left join component_emails as e using (component)
left join component_addresses as a using (component)
left join component_identifiers as i using (component)
where n.is_human and coalesce(n.name.first, n.name.last) is not null;

create or replace table new_legal_records as
select
    n.component as unique_id,
    n.organization.key as organization_key,
    n.organization.kind as entity_type,
    coalesce(p.phones, []) as phones,
    coalesce(e.emails, []) as emails,
    coalesce(a.address_keys, []) as address_keys,
    coalesce(a.numbers, []) as numbers,
    coalesce(a.streets, []) as streets,
    coalesce(a.zips, []) as zips,
    coalesce(i.identifiers, []) as identifiers
from component_names as n
left join component_phones as p using (component)
left join component_emails as e using (component)
left join component_addresses as a using (component)
left join component_identifiers as i using (component)
where not coalesce(n.is_human, false) and n.organization.key is not null;
