-- Firms that end in a legal form, trusts and estates, with their match keys.
-- In:  hygiene_persons (names_answer.sql), hygiene_joint (names_couples.sql), hygiene.name_words,
--      hygiene.organization_spellings.
-- Out: hygiene_entities: one row for each name that is one; hygiene_answers: all answers to the names, and the names
--      without one (`given`).
-- Rules: names._ordinary (firms), entities.classify (trusts, estates), names.organization_key.

create or replace temp table hygiene_entities as
with shaped as (
    select
        name_id,
        given."full" as organization_name,
        upper(given."full") as upper_name,
        trim(regexp_replace(
            replace(replace(upper_name, '''', ''), '&', ' & '), '[^A-Z0-9&]+', ' ', 'g'
        )) as key_text,
        contains(upper_name, '/') as dated
    from hygiene_persons
    where not ordinary
        and coalesce(given.organization, '') = ''
        and (coalesce(given."first", '') = '' or coalesce(given."last", '') = '')
        and length(given."full") <= 200
        and regexp_full_match(
            given."full",
            '[A-Za-z0-9&''-]+(?:,? (?:[A-Za-z0-9&''-]+|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}))+'
        )
        and not regexp_matches(upper_name, '\b(?:ATTN|ATTENTION|CARE|DBA|DOING|TRADING)\b|\b[A-Z] [A-Z] [A-Z]\b')
        and not regexp_matches(key_text, '\b[A-Z] [A-Z] [A-Z]\b')
),

split as (
    select name_id, dated, string_split(replace(upper_name, ',', ''), ' ') as tokens from shaped
),

placed as (
    select name_id, dated, len(tokens) as n, unnest(tokens) as token, generate_subscripts(tokens, 1) as place, tokens
    from split
),

judged as (
    select
        p.name_id,
        bool_or(w.deciding_legal and place = n) and not bool_or(w.trust or w.estate or w.trust_sign) and not bool_or(dated)
            as is_firm,
        not bool_or(place <= 2 and w.opens_unknown) as is_known,
        bool_or(w.trust and (p.token <> 'TRUST' or not coalesce(x.trust_firm, false)))
            and not bool_or(p.token in ('&', 'AND')) as is_trust,
        not bool_or(w.trust or w.trust_sign or w.legal or p.token in ('REAL', 'LIFE'))
            and bool_or(
                (w.estate and place = n) or (p.token in ('ESTATE', 'EST', 'HEIRS', 'DEVISEES') and tokens[place + 1] = 'OF')
            ) as is_estate
    from placed as p
    left join hygiene.name_words as w on p.token = w.word
    left join hygiene.name_words as x on p.tokens[p.place + 1] = x.word
    group by p.name_id
),

kinds as (
    select
        name_id,
        case
            when is_firm then 'organization'
            when is_known and is_trust then 'trust'
            when is_known and is_estate then 'estate'
        end as entity_type
    from judged
),

entities as (
    select s.name_id, s.organization_name, k.entity_type, string_split(s.key_text, ' ') as tokens
    from shaped as s
    inner join kinds as k on s.name_id = k.name_id
    where k.entity_type is not null
),

key_words as (
    select name_id, unnest(tokens) as token, generate_subscripts(tokens, 1) as place from entities
),

spelled as (
    select k.name_id, k.place, coalesce(o.spelling, k.token) as token, coalesce(w.legal, false) as legal
    from key_words as k
    left join hygiene.organization_spellings as o on k.token = o.word
    left join hygiene.name_words as w on coalesce(o.spelling, k.token) = w.word
),

keys as (
    select
        name_id,
        list(token order by place) as tokens,
        coalesce(min(place) filter (where token not in ('THE', 'AND')), max(place)) as start,
        coalesce(max(place) filter (where token not in ('THE', 'AND') and not legal), start) as finish
    from spelled
    group by name_id
)

select
    e.name_id,
    1::smallint as seq,
    'owner' as role,
    e.entity_type,
    e.organization_name,
    array_to_string(k.tokens[k.start:k.finish], ' ') as organization_key
from entities as e
inner join keys as k on e.name_id = k.name_id;

create or replace temp table hygiene_answers as
select * exclude (ordinary, given), true as ordinary, null as given from hygiene_persons where ordinary
union all by name
select *, true as ordinary from hygiene_joint
union all by name
select *, true as ordinary from hygiene_entities
union all by name
select p.name_id, p.seq, false as ordinary, p.given
from hygiene_persons as p
anti join hygiene_joint as j on p.name_id = j.name_id
anti join hygiene_entities as e on p.name_id = e.name_id
where not p.ordinary;
