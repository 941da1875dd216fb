-- Organisations, trusts, estates and offices, compared among themselves: the same name (or a slip of it) together with
-- a contact or a place. There is no model here, since a name and a place decide nearly everything; the probabilities are
-- the precision each rule is held to.
-- In: legal_records, most (the cap of a block). Out: linked_legal(id_l, id_r, match_probability), legal_hot_blocks.
create or replace table legal_keys as
with keys as (
    select 'legal phone' as rule, unnest(phones) as key, unique_id from legal_records
    union all
    select 'legal e-mail', unnest(emails), unique_id from legal_records
    union all
    select 'legal address', unnest(address_keys), unique_id from legal_records
    union all
    select 'legal house number and ZIP', unnest(numbers), unique_id from legal_records
    union all
    select 'legal name and ZIP', organization_key || '|' || unnest(zips), unique_id from legal_records
)
select k.rule, k.key, k.unique_id, count(*) over (partition by k.rule, k.key) as records
from keys as k
where k.key is not null;

create or replace table legal_hot_blocks as
select distinct rule, key, records from legal_keys where records > $most;

create or replace table linked_legal as
with met as (
    select distinct l.unique_id as id_l, r.unique_id as id_r
    from legal_keys as l
    inner join legal_keys as r on l.rule = r.rule and l.key = r.key and l.unique_id < r.unique_id
    where l.records <= $most
),
worded as (
    select *, list_sort(list_filter(list_distinct(string_split(organization_key, ' ')), lambda w: w not in ('OF', 'THE', 'AND'))) as words
    from legal_records
),
compared as (
    select
        m.id_l,
        m.id_r,
        l.organization_key = r.organization_key as same_name,
        l.words = r.words as same_words,
        l.entity_type = r.entity_type as same_kind,
        levenshtein(array_to_string(l.words, ' '), array_to_string(r.words, ' ')) as slips,
        least(length(l.organization_key), length(r.organization_key)) as size,
        list_has_any(l.phones, r.phones) or list_has_any(l.emails, r.emails)
        or list_has_any(l.address_keys, r.address_keys) or list_has_any(l.numbers, r.numbers) as same_contact
    from met as m
    inner join worded as l on m.id_l = l.unique_id
    inner join worded as r on m.id_r = r.unique_id
)
select
    id_l,
    id_r,
    case when same_name and same_contact then 0.999 when same_name then 0.98 when same_words then 0.985 else 0.97 end::double
        as match_probability
from compared
where same_name or same_contact and same_kind and (same_words or slips = 1 and size >= 8 or slips = 2 and size >= 14);
