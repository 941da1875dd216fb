-- What a list changes in dnc_registry: rows that come, that are listed again, that are no longer, whose date or import is
-- a later one. The first list of an area code ends no row: there was none before it to compare with.
-- In: listed_now(number, since, listing_date, is_said), known(number, listing_date, removed_at, last_import_id),
--     seen_areas(area_code, takes_out); $source, $import_id, $obtained_at. Out: delta is added to.
insert into delta by name
with compared as (
    select
        coalesce(l.number, k.number) as number,
        k.number is null as is_new,
        l.number is null as is_gone,
        l.since,
        greatest(l.listing_date, k.listing_date) as listing_date,
        k.listing_date as known_date,
        k.removed_at,
        k.last_import_id,
        coalesce(l.is_said, false) as is_said
    from listed_now as l
    full join known as k on l.number = k.number
)
select
    '+1' || c.number as phone_e164,
    $source as source,
    c.is_new,
    c.is_new or c.is_gone or c.removed_at is not null or c.listing_date is distinct from c.known_date as is_change,
    c.listing_date,
    c.since as listed_from,
    case when c.is_gone then $obtained_at end as removed_at,
    case when c.is_said or c.is_new then $import_id end as import_id
from compared as c
inner join seen_areas as a on c.number // 10000000 = a.area_code
where
    c.is_new
    or (c.is_gone and c.removed_at is null and a.takes_out)
    or (not c.is_gone and c.removed_at is not null)
    or (not c.is_gone and c.listing_date is distinct from c.known_date)
    or (not c.is_gone and c.is_said and c.last_import_id < $import_id);
