-- Organisations, trusts, estates and offices, compared among themselves: the same name (or a slip of it) together with
-- a contact or a place. There is no model here, since a name and a place decide nearly everything; the probabilities are
-- the precision each rule is held to.
-- In: met(id_l, id_r), base.legal_records. Out: linked_legal(id_l, id_r, match_probability): those of the pairs that are one.
create or replace table linked_legal as
with worded as (
    select *, list_sort(list_filter(list_distinct(string_split(organization_key, ' ')), lambda w: w not in ('OF', 'THE', 'AND'))) as words
    from base.legal_records
    where unique_id in (select id_l from met union all select id_r from met)
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
