-- In:  move_rows, new_parts, new_ids(first_id), parties (the staged rows concerned, numbered).
-- Out: new_spread, old_spread (who has each row, after and before), moved, part_imports, part_origins.
update new_parts set person_id = position + (select first_id from new_ids);

create or replace table moved as
select m.import_id, m.row_number, m.party_no, m.number, m.person_id as old_person_id,
    coalesce(n.person_id, m.person_id) as person_id
from move_rows as m
left join new_parts as n on m.person_id = n.old_person_id and m.part = n.part;

create or replace table new_spread as
select m.number as row_number, m.party_no, m.person_id, p.source_date
from moved as m
inner join parties as p on p.row_number = m.number and p.party_no = m.party_no;

create or replace table old_spread as
select m.number as row_number, m.party_no, m.old_person_id as person_id, p.source_date
from moved as m
inner join parties as p on p.row_number = m.number and p.party_no = m.party_no;

create or replace table part_imports as
select person_id, min(import_id) as first_import_id, max(import_id) as last_import_id from moved group by person_id;

create or replace table part_origins as
select distinct person_id, old_person_id from moved;
