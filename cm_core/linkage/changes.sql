-- In:  read_rows(import_id, row_number, party_no, person_id), changed_chunks, gone_chunks, reread_imports, base.
-- Out: changed_rows(row_id), changed_persons(person_id); base.owned as the database has it.
create or replace table looked_at as
select (i.import_no << (40 - 8 - $bits)) | c.chunk as chunk
from (from changed_chunks union all from gone_chunks) as c
inner join base.imports as i on c.import_id = i.import_id;

create or replace table owned_before as
select row_id, person_id from base.owned where row_id >> (8 + $bits) in (select chunk from looked_at);

create or replace table owned_now as
select row_id, person_id
from (
    select $row_id as row_id, r.person_id
    from read_rows as r
    inner join base.imports as i on r.import_id = i.import_id
)
where row_id >> (8 + $bits) in (select chunk from looked_at);

create or replace table changed_rows as
with others as (
    select coalesce(n.row_id, b.row_id) as row_id
    from owned_now as n
    full join owned_before as b on n.row_id = b.row_id
    where n.person_id is distinct from b.person_id
    union
    select n.row_id
    from owned_now as n
    inner join base.imports as i on n.row_id >> 40 = i.import_no
    semi join reread_imports as r on i.import_id = r.import_id
),
lines as (
    select distinct row_id >> 8 as line from others
)
select row_id from others
union
select row_id from owned_now where row_id >> 8 in (select line from lines);

create or replace table changed_persons as
select person_id from owned_before semi join changed_rows using (row_id)
union
select person_id from owned_now semi join changed_rows using (row_id);

delete from base.owned where row_id in (select row_id from changed_rows);

insert into base.owned select row_id, person_id from owned_now semi join changed_rows using (row_id);

drop table read_rows;
