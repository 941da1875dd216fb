-- The records of touched components, in the place of those they had before.
-- In:  new_records, new_legal_records, touched_components(component), components.
-- Out: base.exact_components, base.records, base.legal_records, base.household_keys.
delete from base.exact_components where component in (select component from touched_components);

insert into base.exact_components select id, component from components;

delete from base.records where unique_id in (select component from touched_components);

insert into base.records by name from new_records;

delete from base.legal_records where unique_id in (select component from touched_components);

insert into base.legal_records by name from new_legal_records;

delete from base.household_keys where unique_id in (select component from touched_components);

insert into base.household_keys
with placed as (
    select unique_id, unnest(address_keys) as place, last_names, phones from new_records
),
keys as (
    select unique_id, 2 as rank, place || '|' || unnest(last_names) as key from placed
    union all
    select unique_id, 3, place || '|' || unnest(phones) from placed
    union all
    select unique_id, 4, phone || '|' || unnest(last_names)
    from (select unique_id, unnest(phones) as phone, last_names from new_records)
)
select hash(rank, key), rank, unique_id from keys where key is not null;
