-- In:  new_keys of all records; an empty base.block_keys.
-- Out: base.block_keys, blocks_before (none), blocks_now(code, number, records, member) of those with two records or more.
insert into base.block_keys from new_keys;

create or replace table blocks_before (code ubigint, number bigint, records bigint);

create or replace table blocks_now as
select code, any_value(number) as number, count(*) as records, min(unique_id) as member
from base.block_keys
group by code
having count(*) > 1;
