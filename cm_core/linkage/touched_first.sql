-- Who has to be looked at anew: dirty persons, and those whom decisions concern that came or went.
-- In:  dirty_persons, must_link, cannot_link, base. Out: touched_persons, with all members of their components.
create or replace table decisions_now as
select 'same' as decision, id_l, id_r from must_link
union all
select 'different', id_l, id_r from cannot_link;

create or replace table touched_persons as
with dirty as (
    select person_id from dirty_persons
    union
    select unnest([id_l, id_r])
    from (
        (from decisions_now except from base.decisions)
        union all
        (from base.decisions except from decisions_now)
    )
)
select person_id from dirty
union
select id
from base.exact_components
where component in (select component from base.exact_components where id in (select person_id from dirty));

delete from base.decisions;

insert into base.decisions from decisions_now;
