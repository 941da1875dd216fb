-- In:  blocks_before, blocks_now, new_records, new_legal_records, caps, base.
-- Out: base.hot_blocks; block_counts(rule, keys, pairs) of the blocks that changed; compared(unique_id, is_new): new records,
--      and the others of blocks that have become small enough, or too large; live_keys(code, unique_id, is_new): the keys of
--      blocks to compare in.
create or replace table live_codes as
select b.code from blocks_now as b inner join caps as c on b.number = c.number where b.records between 2 and c.most;

create or replace table hot_codes as
select b.code, b.records, b.member from blocks_now as b inner join caps as c on b.number = c.number where b.records > c.most;

create or replace table hot_records as
select * from base.records where unique_id in (select member from hot_codes);

create or replace table hot_legal_records as
select * from base.legal_records where unique_id in (select member from hot_codes);

insert into base.hot_blocks
select distinct h.code, t.rule, t.key, h.records
from (from block_texts('hot_records') union all from legal_texts('hot_legal_records')) as t
inner join hot_codes as h on hash(t.rule, t.key) = h.code;

create or replace table block_counts as
select c.rule, count(*) as keys, sum(b.records * (b.records - 1) // 2)::bigint as pairs
from blocks_now as b
inner join caps as c on b.number = c.number
where b.records between 2 and c.most
group by c.rule;

-- A block that has passed its cap, either way, is another for those in it that have not changed.
create or replace table turned_codes as
select b.code
from blocks_before as b
inner join caps as c on b.number = c.number
left join live_codes as l on b.code = l.code
where (b.records between 2 and c.most) <> (l.code is not null);

create or replace table compared as
select unique_id, true as is_new from new_records
union all
select unique_id, true from new_legal_records
union all
select distinct unique_id, false
from base.block_keys
where code in (select code from turned_codes)
    and unique_id not in (select unique_id from new_records union all select unique_id from new_legal_records);

-- The other blocks of these have not changed: their sizes have to be looked up.
create or replace table other_codes as
select distinct code
from base.block_keys
where unique_id in (select unique_id from compared where not is_new)
    and code not in (select code from blocks_now)
    and code not in (select code from blocks_before);

insert into live_codes
select b.code
from (
    select code, any_value(number) as number, count(*) as records
    from base.block_keys
    where code in (select code from other_codes)
    group by code
) as b
inner join caps as c on b.number = c.number
where b.records between 2 and c.most;

create or replace table live_keys as
select k.code, k.unique_id, c.is_new
from base.block_keys as k
inner join live_codes as l on k.code = l.code
left join compared as c on k.unique_id = c.unique_id;
