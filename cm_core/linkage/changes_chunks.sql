-- In:  chunks_now(import_id, chunk, row_count, checksum), parts_arrow(import_id, parts): imports that were replayed; base.
-- Out: changed_chunks(import_id, chunk): those there are now, new or changed; gone_chunks (no more rows in them);
--      reread_imports(import_id): imports whose staged rows are others than they were. base.imports knows all imports.
create or replace table imports_now as
select n.import_id, coalesce(p.parts, '') as parts
from (select distinct import_id from chunks_now) as n
left join parts_arrow as p on n.import_id = p.import_id;

create or replace table reread_imports as
select n.import_id
from imports_now as n
inner join base.imports as i on n.import_id = i.import_id
where n.parts <> i.parts;

create or replace table changed_chunks as
select n.import_id, n.chunk
from chunks_now as n
anti join base.chunks as b
    on n.import_id = b.import_id and n.chunk = b.chunk and n.row_count = b.row_count and n.checksum = b.checksum
union
select import_id, chunk from chunks_now semi join reread_imports using (import_id);

create or replace table gone_chunks as
select import_id, chunk from base.chunks
except
select import_id, chunk from chunks_now;

update base.imports as i set parts = n.parts from imports_now as n where i.import_id = n.import_id;

insert into base.imports
select (select coalesce(max(import_no), 0) from base.imports) + row_number() over (order by import_id), import_id, parts
from imports_now
where import_id not in (select import_id from base.imports);

delete from base.chunks;

insert into base.chunks from chunks_now;
