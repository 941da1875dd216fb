-- Candidate pairs by equality of a key, with a cap per key: a hot key (a reception's phone) is listed, not compared.
-- In:  records, caps(rule, number, most).
-- Out: block_texts(source), a table macro: the keys (rule, key, unique_id) of records as texts; block_keys(code, number,
--      unique_id), the same as numbers; hot_blocks(rule, key, records), block_counts(rule, keys, pairs), live_keys(code,
--      unique_id).
--
-- A hundred million texts would be compared again and again: a key is a number of 64 bits, and only those that are shown are
-- made into texts once more. Two keys of one number only make two records meet that need not.
create or replace macro block_texts(source) as table (
    with people as (
        select * from query_table(source)
    ),
    keys as (
        select 'phone' as rule, unnest(phones) as key, unique_id from people
        union all
        select 'email', unnest(emails), unique_id from people
        union all
        select 'address', unnest(address_keys), unique_id from people
        union all
        select 'street line and surname', unnest(lines) || '|' || last_name, unique_id from people
        union all
        select 'house number and ZIP', unnest(numbers), unique_id from people
        union all
        select 'whole name', least(first_name, last_name) || '|' || greatest(first_name, last_name), unique_id
        from (select unnest(first_names) as first_name, last_names, unique_id from people)
        cross join unnest(last_names) as l (last_name)
        where length(first_name) > 1
        union all
        select 'surname and ZIP', last_name || '|' || unnest(zips), unique_id from people
        union all
        select 'surname and date of birth', last_name || '|' || dob, unique_id from people where dob is not null
        union all
        select 'house number and date of birth', split_part(unnest(numbers), '|', 1) || '|' || dob, unique_id
        from people
        where dob is not null
        union all
        select 'identifier', unnest(identifiers), unique_id from people
        union all
        select 'given name and date of birth', name_class || '|' || dob, unique_id from people where dob is not null
    )
    select rule, key, unique_id from keys where key is not null
);

create or replace table block_keys as
select hash(b.rule, b.key) as code, c.number, b.unique_id
from block_texts('records') as b
inner join caps as c on b.rule = c.rule;

create or replace table block_sizes as
select code, any_value(number) as number, count(*) as records, min(unique_id) as member
from block_keys
group by code
having count(*) > 1;

create or replace table hot_records as
select * from records
where unique_id in (
    select b.member from block_sizes as b inner join caps as c on b.number = c.number where b.records > c.most
);

create or replace table hot_blocks as
select distinct t.rule, t.key, b.records
from block_texts('hot_records') as t
inner join block_sizes as b on hash(t.rule, t.key) = b.code
inner join caps as c on b.number = c.number
where b.records > c.most;

create or replace table block_counts as
select c.rule, count(*) as keys, sum(b.records * (b.records - 1) // 2)::bigint as pairs
from block_sizes as b
inner join caps as c on b.number = c.number
where b.records between 2 and c.most
group by c.rule;

create or replace table live_keys as
select k.code, k.unique_id
from block_keys as k
semi join (
    select b.code from block_sizes as b inner join caps as c on b.number = c.number where b.records between 2 and c.most
) as b on k.code = b.code;
