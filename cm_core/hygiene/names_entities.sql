-- Firms, trusts and estates, with their match keys: a whole name that is one, or the cell of an organization.
-- In:  hygiene_persons (names_answer.sql), hygiene_joint (names_couples.sql), hygiene.name_words,
--      hygiene.organization_spellings.
-- Out: hygiene_entities: one row for each name that is one, or has one beside a person; hygiene_answers: all answers to
--      the names, and the names without one (`given`).
-- Rules: entities.classify, names._row (the cell of an organization holds no person), names.organization_key.

create or replace temp table hygiene_entities as
with asked as (
    select
        name_id,
        is_person as beside,
        coalesce(given.organization, '') <> '' as in_column,
        case
            when not in_column and (coalesce(given."first", '') = '' or coalesce(given."last", '') = '') then given."full"
            when in_column and (
                is_person or concat(given."full", given."first", given.middle, given."last") = ''
            ) then given.organization
        end as organization_name
    from hygiene_persons
    where not ordinary
),

shaped as (
    select
        *,
        replace(upper(organization_name), '.', '') as upper_name,
        trim(regexp_replace(
            replace(replace(upper_name, '''', ''), '&', ' & '), '[^A-Z0-9&]+', ' ', 'g'
        )) as key_text,
        contains(upper_name, '/') as dated
    from asked
    where length(organization_name) <= 200
        and (in_column or contains(organization_name, ' '))
        and regexp_full_match(
            organization_name,
            '(?:[A-Za-z0-9&''-]+|[A-Za-z0-9&''-]*[A-Za-z0-9]\.|(?:[A-Za-z]\.)+[A-Za-z]?)'
            '(?:,? (?:[A-Za-z0-9&''-]+|[A-Za-z0-9&''-]*[A-Za-z0-9]\.|(?:[A-Za-z]\.)+[A-Za-z]?'
            '|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}))*'
        )
        and not regexp_matches(
            upper_name,
            '\b(?:ATTN|ATTENTION|CARE|DBA|DOING|TRADING|IRA|REM|REMAINDER|REMAINDERMAN|REMAINDERMEN)\b'
            '|\b(?:EXR|EXRX|EXTRX|EXEC|EXECUTOR|EXECUTRIX|ADMR|ADMX|ADMIN|ADMINISTRATOR|ADMINISTRATRIX|REP|REPRESENTATIVE)$'
            '|\b[A-Z] [A-Z] [A-Z]\b'
        )
        and key_text <> ''
        and not regexp_matches(key_text, '\b[A-Z] [A-Z] [A-Z]\b')
),

split as (
    select name_id, in_column, dated, string_split(replace(upper_name, ',', ''), ' ') as tokens from shaped
),

placed as (
    select
        name_id,
        in_column,
        dated,
        len(tokens) as n,
        unnest(tokens) as token,
        generate_subscripts(tokens, 1) as place,
        tokens
    from split
),

judged as (
    select
        p.name_id,
        bool_or(in_column) as in_column,
        not bool_or(place <= 2 and w.opens_unknown) as is_known,
        bool_or(w.trust or w.estate or w.trust_sign) as has_sign,
        bool_or(w.deciding_legal and place > 1) and not bool_or(dated) as has_legal_form,
        (
            bool_or(w.trust and n > 1 and (p.token <> 'TRUST' or not coalesce(x.trust_firm, false)))
            and not bool_or(p.token in ('&', 'AND'))
        )
        or bool_or(p.token = 'TR' and place = n and n > 2) as is_trust,
        not bool_or(w.trust or w.trust_sign or w.legal or p.token in ('REAL', 'LIFE'))
            and bool_or(
                (w.estate and place = n and n > (case when p.token = 'DEC' then 2 else 1 end))
                or (p.token in ('ESTATE', 'EST', 'HEIRS', 'DEVISEES') and tokens[place + 1] = 'OF')
            ) as is_estate,
        bool_or(w.government or w.filler) as is_doubtful
    from placed as p
    left join hygiene.name_words as w on p.token = w.word
    left join hygiene.name_words as x on p.tokens[p.place + 1] = x.word
    group by p.name_id
),

kinds as (
    select
        name_id,
        case
            when not is_known or (in_column and coalesce(is_doubtful, false)) then null
            when is_trust then 'trust'
            when is_estate then 'estate'
            when not coalesce(has_sign, false) and (has_legal_form or in_column) then 'organization'
        end as entity_type
    from judged
),

entities as (
    select s.name_id, s.beside, s.organization_name, k.entity_type, string_split(s.key_text, ' ') as tokens
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
    (case when e.beside then 2 else 1 end)::smallint as seq,
    case when e.beside then 'employer' else 'owner' end as role,
    e.beside,
    e.entity_type,
    e.organization_name,
    left(array_to_string(k.tokens[k.start:k.finish], ' '), 255) as organization_key -- names.ORGANIZATION_MAX
from entities as e
inner join keys as k on e.name_id = k.name_id;

create or replace temp table hygiene_answers as
select * exclude (ordinary, is_person, given), true as ordinary, null as given from hygiene_persons where ordinary
union all by name
select p.* exclude (ordinary, is_person, given), true as ordinary
from hygiene_persons as p
semi join hygiene_entities as e on p.name_id = e.name_id and e.beside
union all by name
select *, true as ordinary from hygiene_joint
union all by name
select * exclude (beside), true as ordinary from hygiene_entities
union all by name
select p.name_id, p.seq, false as ordinary, p.given
from hygiene_persons as p
anti join hygiene_joint as j on p.name_id = j.name_id
anti join hygiene_entities as e on p.name_id = e.name_id
where not p.ordinary;
