-- Candidate pairs by equality of a key, with a cap per key: a hot key (a reception's phone) is listed, not compared.
-- In:  new_records, new_legal_records, caps(rule, number, most).
-- Out: block_texts(source) and legal_texts(source), table macros: the keys (rule, key, unique_id) of records as texts;
--      new_keys(code, number, unique_id), those of the new records as numbers.
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

create or replace macro legal_texts(source) as table (
    with bodies as (
        select * from query_table(source)
    ),
    keys as (
        select 'legal phone' as rule, unnest(phones) as key, unique_id from bodies
        union all
        select 'legal e-mail', unnest(emails), unique_id from bodies
        union all
        select 'legal address', unnest(address_keys), unique_id from bodies
        union all
        select 'legal house number and ZIP', unnest(numbers), unique_id from bodies
        union all
        select 'legal name and ZIP', organization_key || '|' || unnest(zips), unique_id from bodies
    )
    select rule, key, unique_id from keys where key is not null
);

create or replace table new_keys as
select hash(b.rule, b.key) as code, c.number, b.unique_id
from (from block_texts('new_records') union all from legal_texts('new_legal_records')) as b
inner join caps as c on b.rule = c.rule;
