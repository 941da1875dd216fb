-- held_ids
-- The ids of the changed rows, worked into those of all rows. An id is compared without punctuation and leading zeros, as
-- Excel leaves them out; 0000 and the like are fillers.
-- In:  source_identifiers, identities and changed_rows. Out: base.held_ids, met_ids (those brought or taken away).
create or replace table new_ids as
with cleaned as (
    select distinct
        row_id, person_id, id_type,
        ltrim(regexp_replace(upper(id_value), '[^A-Z0-9]', '', 'g'), '0') as id_key
    from source_identifiers
)
select
    c.row_id, c.person_id, c.id_type, c.id_key, i.first_key, i.name_class, i.is_known, i.surname, i.date_of_birth
from cleaned as c
inner join identities as i on c.row_id = i.row_id
where length(c.id_key) >= 4 and translate(c.id_key, left(c.id_key, 1), '') <> '' and not contains('0123456789', c.id_key);

create or replace table met_ids as
from new_ids
union all
from base.held_ids where row_id in (select row_id from changed_rows);

delete from base.held_ids where row_id in (select row_id from changed_rows);

insert into base.held_ids from new_ids;
