-- In:  new_keys, touched_components (whose records are gone), base.block_keys.
-- Out: base.block_keys and base.hot_blocks without what is gone; the blocks that changed, as they were and are:
--      blocks_before(code, number, records), blocks_now(code, number, records, member: one of them).
create or replace table met_codes as
select distinct code from new_keys
union
select code from base.block_keys where unique_id in (select component from touched_components);

create or replace table blocks_before as
select code, any_value(number) as number, count(*) as records
from base.block_keys
where code in (select code from met_codes)
group by code;

delete from base.block_keys where unique_id in (select component from touched_components);

insert into base.block_keys from new_keys;

create or replace table blocks_now as
select code, any_value(number) as number, count(*) as records, min(unique_id) as member
from base.block_keys
where code in (select code from met_codes)
group by code
having count(*) > 1;

delete from base.hot_blocks where code in (select code from met_codes);
