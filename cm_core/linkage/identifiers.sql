-- Which ids of sources may speak for two records being one. An id is worth what its kind is worth: a voter's registration
-- is one person's, an owner number may be a couple's, and numbers of two issuers under one header mean nothing. So each kind
-- is measured: whether those who share one of its ids have a name or a birthday in common too. A number that by its nature
-- is one person's is taken for that only where not more than one in twenty of those who share it are two people by their
-- given names and birthdays: some lists hold a spouse under the other's number.
-- In:  source_identifiers, identities, source_parties, personal_patterns(pattern), rules(shared_max, ...).
-- Out: identifier_types(id_type, is_personal, shared_ids, agreement, is_used), person_identifiers(person_id, id_type, key,
--      is_personal), like_ids(l, r): whether two lists of keys hold a slip of each other.
--
-- An id is compared without punctuation and leading zeros, as Excel leaves them out; 0000 and the like, and an id of more
-- surnames than a contact may have, is a filler.
create or replace macro like_ids(l, r) as len(list_filter(l, lambda x: length(split_part(x, '|', 2)) >= 6
    and len(list_filter(r, lambda y: damerau_levenshtein(x, y) = 1)) > 0)) > 0;

create or replace table held_ids as
with cleaned as (
    select distinct
        person_id, import_id, row_number, party_no, id_type,
        ltrim(regexp_replace(upper(id_value), '[^A-Z0-9]', '', 'g'), '0') as id_key
    from source_identifiers
),
held as (
    select c.*, i.first_key, i.name_class, i.surname, p.date_of_birth
    from cleaned as c
    inner join identities as i using (import_id, row_number, party_no)
    inner join source_parties as p using (import_id, row_number, party_no)
    where length(c.id_key) >= 4 and translate(c.id_key, left(c.id_key, 1), '') <> '' and not contains('0123456789', c.id_key)
)
select h.*
from held as h
semi join (
    select id_type, id_key
    from held, rules as r
    group by id_type, id_key, r.shared_max
    having r.shared_max <= 0 or count(distinct surname) <= r.shared_max
) as k on h.id_type = k.id_type and h.id_key = k.id_key;

-- Every other holder beside the first: none of them would be left out, and never all pairs.
create or replace table identifier_types as
with hubs as (
    select id_type, id_key, person_id, first_key, name_class, surname, date_of_birth
    from held_ids
    qualify row_number() over (partition by id_type, id_key order by person_id, import_id, row_number, party_no) = 1
),
beside as (
    select
        h.id_type,
        coalesce(h.name_class = o.name_class, false) or coalesce(h.date_of_birth = o.date_of_birth, false)
        or coalesce(jaro_winkler_similarity(h.surname, o.surname) >= 0.85, false) as agrees,
        n.is_known and m.is_known and h.name_class <> o.name_class
        and coalesce((year(h.date_of_birth) = year(o.date_of_birth))::integer
            + (month(h.date_of_birth) = month(o.date_of_birth))::integer
            + (day(h.date_of_birth) = day(o.date_of_birth))::integer < 2, true) as differ
    from hubs as h
    inner join held_ids as o on h.id_type = o.id_type and h.id_key = o.id_key and h.person_id <> o.person_id
    left join first_names as n on h.first_key = n.first_key
    left join first_names as m on o.first_key = m.first_key
)
select
    t.id_type,
    exists(select 1 from personal_patterns as p where regexp_matches(t.id_type, p.pattern))
    and coalesce(avg(b.differ::integer) <= 0.05, true) as is_personal,
    count(b.agrees) as shared_ids,
    avg(b.agrees::integer) as agreement,
    coalesce(avg(b.agrees::integer) >= 0.8, true) as is_used
from (select distinct id_type from held_ids) as t
left join beside as b on t.id_type = b.id_type
group by t.id_type;

create or replace table person_identifiers as
select distinct h.person_id, h.id_type, h.id_type || '|' || h.id_key as key, t.is_personal
from held_ids as h
inner join identifier_types as t on h.id_type = t.id_type
where t.is_used;
