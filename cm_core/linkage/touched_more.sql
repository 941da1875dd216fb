-- In:  touched_persons, must_link, base. Out: touched_persons, with those who share a key with one of them now, or are decided
-- to be one with one, and all members of their components.
create or replace table touched_more as
with met as (
    select person_id
    from base.row_facts
    where code in (select code from base.row_facts where person_id in (select person_id from touched_persons))
    union
    select id_r from must_link where id_l in (select person_id from touched_persons)
    union
    select id_l from must_link where id_r in (select person_id from touched_persons)
    union
    select person_id from touched_persons
)
select person_id from met
union
select id
from base.exact_components
where component in (select component from base.exact_components where id in (select person_id from met));
