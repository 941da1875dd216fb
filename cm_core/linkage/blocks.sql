-- Candidate pairs by equality of a key, with a cap per key: a hot key (a reception's phone) is listed, not compared.
-- In:  records, caps(rule, most).
-- Out: block_keys(rule, key, unique_id), hot_blocks(rule, key, records), block_counts(rule, keys, pairs).
create or replace table block_keys as
with keys as (
    select 'phone' as rule, unnest(phones) as key, unique_id from records
    union all
    select 'email', unnest(emails), unique_id from records
    union all
    select 'address', unnest(address_keys), unique_id from records
    union all
    select 'street line and surname', unnest(lines) || '|' || last_name, unique_id from records
    union all
    select 'house number and ZIP', unnest(numbers), unique_id from records
    union all
    select distinct 'whole name', least(first_name, last_name) || '|' || greatest(first_name, last_name), unique_id
    from (select unnest(first_names) as first_name, last_names, unique_id from records)
    cross join unnest(last_names) as l (last_name)
    where length(first_name) > 1
    union all
    select 'surname and ZIP', last_name || '|' || unnest(zips), unique_id from records
    union all
    select 'surname and date of birth', last_name || '|' || dob, unique_id from records where dob is not null
    union all
    select 'house number and date of birth', split_part(unnest(numbers), '|', 1) || '|' || dob, unique_id
    from records
    where dob is not null
    union all
    select 'identifier', unnest(identifiers), unique_id from records
    union all
    select 'given name and date of birth', name_class || '|' || dob, unique_id from records where dob is not null
)
select rule, key, unique_id from keys where key is not null;

create or replace table block_sizes as
select rule, key, count(*) as records from block_keys group by all having count(*) > 1;

create or replace table hot_blocks as
select b.rule, b.key, b.records
from block_sizes as b
inner join caps as c on b.rule = c.rule
where b.records > c.most;

create or replace table block_counts as
select b.rule, count(*) as keys, sum(b.records * (b.records - 1) // 2)::bigint as pairs
from block_sizes as b
inner join caps as c on b.rule = c.rule
where b.records <= c.most
group by b.rule;

create or replace table live_keys as
select k.rule, k.key, k.unique_id
from block_keys as k
semi join (
    select b.rule, b.key from block_sizes as b inner join caps as c on b.rule = c.rule where b.records <= c.most
) as b on k.rule = b.rule and k.key = b.key;
