-- In:  moves(import_id, row_number, party_no, person_id, part), move_rows (the same, with number).
-- Out: new_parts(old_person_id, part, position): the parts that get a new person, in a stable order.
create or replace table new_parts_unnumbered as
select person_id as old_person_id, part from moves where part > 0 group by all;

create or replace table new_parts as
select old_person_id, part, row_number() over (order by old_person_id, part) - 1 as position, null::bigint as person_id
from new_parts_unnumbered;
