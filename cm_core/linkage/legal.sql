-- Organisations, trusts, estates and offices, compared among themselves: the same name (or a slip of it) together with
-- a contact or a place. There is no model here, since a name and a place decide nearly everything; the probabilities are
-- the precision each rule is held to.
-- In: met(id_l, id_r), base.legal_records, first_names(first_key, name_class, is_known, ...), telling_words(word).
-- Out: judged_legal(id_l, id_r, match_probability, is_one): those of the pairs that are one, and those in doubt.
--
-- A slip lies within a long word, or leaves letters out. The funds, lots, wells and trusts of one owner are told apart by a
-- mark (a number, a letter, a Roman numeral, a direction), trusts and estates of one family by the given name: these have to
-- be the same. Two marks are two parties. A mark that the other name lacks, two common given names that are alike, and
-- another letter in a short word may be a slip all the same: that is in doubt.
create or replace table near_legal as
with worded as (
    select
        *,
        list_sort(list_filter(list_distinct(string_split(organization_key, ' ')), lambda w: w not in ('OF', 'THE', 'AND'))) as words
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
        replace(l.organization_key, ' ', '') = replace(r.organization_key, ' ', '') as same_letters,
        list_filter(l.words, lambda w: not list_contains(r.words, w)) as others_l,
        list_filter(r.words, lambda w: not list_contains(l.words, w)) as others_r,
        levenshtein(array_to_string(l.words, ' '), array_to_string(r.words, ' ')) as slips,
        least(length(l.organization_key), length(r.organization_key)) as size,
        list_has_any(l.phones, r.phones) or list_has_any(l.emails, r.emails)
        or list_has_any(l.address_keys, r.address_keys) or list_has_any(l.numbers, r.numbers) as same_contact
    from met as m
    inner join worded as l on m.id_l = l.unique_id
    inner join worded as r on m.id_r = r.unique_id
)
select * from compared
where same_name or same_contact and same_kind and (same_words or slips = 1 and size >= 8 or slips = 2 and size >= 14);

-- Another letter in a long word, or letters left out (HSE).
create or replace macro is_slip(one, other) as
    levenshtein(one, other) <= 2 and (
        least(length(one), length(other)) >= 4
        or greatest(length(one), length(other)) >= 4 and levenshtein(one, other) = abs(length(one) - length(other))
    );

create or replace macro is_mark(word) as
    regexp_matches(word, '[0-9]') or length(word) = 1 or regexp_full_match(word, 'X{0,3}(IX|IV|V?I{0,3})')
    or word in (select t.word from telling_words as t);

create or replace table judged_legal as
with others as (
    select id_l, id_r, unnest(others_l || others_r) as word, unnest(
        list_transform(others_l, lambda w: true) || list_transform(others_r, lambda w: false)
    ) as is_left
    from near_legal
),
marked as (
    select
        o.id_l,
        o.id_r,
        bool_or(is_mark(o.word)) filter (o.is_left) as mark_l,
        bool_or(is_mark(o.word)) filter (not o.is_left) as mark_r,
        list_sort(list(f.name_class) filter (o.is_left and f.is_known)) as given_l,
        list_sort(list(f.name_class) filter (not o.is_left and f.is_known)) as given_r
    from others as o
    left join first_names as f on o.word = f.first_key
    group by o.id_l, o.id_r
),
told as (
    select
        n.* exclude (others_l, others_r),
        coalesce(m.mark_l, false) as mark_l,
        coalesce(m.mark_r, false) as mark_r,
        coalesce(m.given_l <> m.given_r, false) as given_names_clash,
        len(list_filter(others_l, lambda a: len(list_filter(others_r, lambda b: is_slip(a, b))) = 0)) = 0
        and len(list_filter(others_r, lambda b: len(list_filter(others_l, lambda a: is_slip(a, b))) = 0)) = 0 as only_slips
    from near_legal as n
    left join marked as m on n.id_l = m.id_l and n.id_r = m.id_r
),
judged as (
    select
        *,
        same_name or same_words or same_letters or not (mark_l or mark_r or given_names_clash) and only_slips as is_one
    from told
)
select
    id_l,
    id_r,
    case
        when same_name and same_contact then 0.999 when same_name then 0.98 when same_words then 0.985 when is_one then 0.97
        else 0.5
    end::double as match_probability,
    is_one
from judged
where is_one or not (mark_l and mark_r);
