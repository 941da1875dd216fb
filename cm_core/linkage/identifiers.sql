-- Which ids of sources may speak for two records being one. An id is worth what its kind is worth: a voter's registration
-- is one person's, an owner number may be a couple's, and numbers of two issuers under one header mean nothing. So each kind
-- is measured: whether those who share one of its ids have a name or a birthday in common too. A number that by its nature
-- is one person's is taken for that only where not more than one in twenty of those who share it are two people by their
-- given names and birthdays: some lists hold a spouse under the other's number.
-- In:  base.held_ids (of all rows), personal_patterns(pattern), rules(shared_max, ...).
-- Out: identifier_types(id_type, is_personal, shared_ids, agreement, is_used), person_identifiers(person_id, id_type, key,
--      is_personal).
--
-- An id of more surnames than a contact may have is a filler.
create or replace table countable_ids as
select h.*
from base.held_ids as h
semi join (
    select id_type, id_key
    from base.held_ids, rules as r
    group by id_type, id_key, r.shared_max
    having r.shared_max <= 0 or count(distinct surname) <= r.shared_max
) as k on h.id_type = k.id_type and h.id_key = k.id_key;

-- Every other holder beside the first: none of them would be left out, and never all pairs.
create or replace table identifier_types as
with hubs as (
    select id_type, id_key, min(person_id) as person_id
    from countable_ids
    group by id_type, id_key
    having count(distinct person_id) > 1
),
first_rows as (
    select c.*
    from countable_ids as c
    inner join hubs as h on c.id_type = h.id_type and c.id_key = h.id_key and c.person_id = h.person_id
    qualify row_number() over (
        partition by c.id_type, c.id_key order by c.first_key, c.name_class, c.surname, c.date_of_birth
    ) = 1
),
beside as (
    select
        h.id_type,
        coalesce(h.name_class = o.name_class, false) or coalesce(h.date_of_birth = o.date_of_birth, false)
        or coalesce(jaro_winkler_similarity(h.surname, o.surname) >= 0.85, false) as agrees,
        h.is_known and o.is_known and h.name_class <> o.name_class
        and coalesce((year(h.date_of_birth) = year(o.date_of_birth))::integer
            + (month(h.date_of_birth) = month(o.date_of_birth))::integer
            + (day(h.date_of_birth) = day(o.date_of_birth))::integer < 2, true) as differ
    from first_rows as h
    inner join countable_ids as o on h.id_type = o.id_type and h.id_key = o.id_key and h.person_id <> o.person_id
)
select
    t.id_type,
    exists(select 1 from personal_patterns as p where regexp_matches(t.id_type, p.pattern))
    and coalesce(avg(b.differ::integer) <= 0.05, true) as is_personal,
    count(b.agrees) as shared_ids,
    avg(b.agrees::integer) as agreement,
    coalesce(avg(b.agrees::integer) >= 0.8, true) as is_used
from (select distinct id_type from countable_ids) as t
left join beside as b on t.id_type = b.id_type
group by t.id_type;

create or replace table person_identifiers as
select distinct c.person_id, c.id_type, c.id_type || '|' || c.id_key as key, t.is_personal
from countable_ids as c
inner join identifier_types as t on c.id_type = t.id_type
where t.is_used;
