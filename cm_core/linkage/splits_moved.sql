-- In:  moved(import_id, row_number, party_no, person_id): rows with another person than before; base, source_*, identities.
-- Out: the same with the new persons; dirty_persons has these too.
create or replace table moved_rows as
select ((i.import_no << 40) | (m.row_number << 8) | m.party_no) as row_id, m.person_id
from moved as m
inner join base.imports as i on m.import_id = i.import_id;

update base.owned as t set person_id = m.person_id from moved_rows as m where t.row_id = m.row_id;

update base.holders as t set person_id = m.person_id from moved_rows as m where t.row_id = m.row_id;

update base.row_facts as t set person_id = m.person_id from moved_rows as m where t.row_id = m.row_id;

update base.held_ids as t set person_id = m.person_id from moved_rows as m where t.row_id = m.row_id;

insert into met_ids from base.held_ids where row_id in (select row_id from moved_rows);

insert into dirty_persons
select person_id from moved_rows
except
select person_id from dirty_persons;
