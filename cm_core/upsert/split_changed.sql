-- In:  moves, rows_now(import_id, row_number, party_no, person_id): the rows that their persons have now;
--      imports_reread(import_id): imports that say something else than what was read of them.
-- Out: moves and move_rows without the persons that were changed since `moves` was found.
create or replace table left_persons as
select person_id
from (
    (select import_id, row_number, party_no, person_id from moves except from rows_now)
    union all
    (from rows_now except select import_id, row_number, party_no, person_id from moves)
)
union
select person_id from moves where import_id in (select import_id from imports_reread);

delete from moves where person_id in (select person_id from left_persons);

delete from move_rows where person_id in (select person_id from left_persons);
