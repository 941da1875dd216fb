-- Which ids of sources may speak for two records being one. An id is worth what its kind is worth: a voter's registration
-- is one person's, an owner number may be a couple's, and numbers of two issuers under one header mean nothing. So each kind
-- is measured: whether those who share one of its ids have a name or a birthday in common too. A number that by its nature
-- is one person's is taken for that only where not more than one in twenty of those who share it are two people by their
-- given names and birthdays: some lists hold a spouse under the other's number.
-- In:  met_ids (ids brought or taken away), base.held_ids (of all rows), base.identifier_types and base.person_identifiers (as
--      they were), personal_patterns(pattern), rules(shared_max, ...), dirty_persons.
-- Out: base.id_keys, base.identifier_types, base.person_identifiers as they are; dirty_persons, with those whose ids count
--      otherwise than before.
--
-- An id of more surnames than a contact may have is a filler.
create or replace table met_keys as select distinct id_type, id_key from met_ids;

create or replace table keyed_ids as from base.held_ids where (id_type, id_key) in (select (id_type, id_key) from met_keys);

create or replace table key_facts as
select
    id_type,
    id_key,
    count(*) as rows,
    min(person_id) as hub,
    count(distinct person_id) > 1 as is_shared,
    r.shared_max > 0 and count(distinct surname) > r.shared_max as is_filler
from keyed_ids, rules as r
group by id_type, id_key, r.shared_max;

-- Every other holder beside the first: none of them would be left out, and never all pairs.
create or replace table key_agreements as
with shared as (
    select * from key_facts where is_shared and not is_filler
),
hubs as (
    select k.*
    from keyed_ids as k
    inner join shared as s on k.id_type = s.id_type and k.id_key = s.id_key and k.person_id = s.hub
    qualify row_number() over (
        partition by k.id_type, k.id_key order by k.first_key, k.name_class, k.surname, k.date_of_birth
    ) = 1
),
beside as (
    select
        h.id_type,
        h.id_key,
        coalesce(h.name_class = o.name_class, false) or coalesce(h.date_of_birth = o.date_of_birth, false)
        or coalesce(jaro_winkler_similarity(h.surname, o.surname) >= 0.85, false) as agrees,
        h.is_known and o.is_known and h.name_class <> o.name_class
        and coalesce((year(h.date_of_birth) = year(o.date_of_birth))::integer
            + (month(h.date_of_birth) = month(o.date_of_birth))::integer
            + (day(h.date_of_birth) = day(o.date_of_birth))::integer < 2, true) as differ
    from hubs as h
    inner join keyed_ids as o on h.id_type = o.id_type and h.id_key = o.id_key and h.person_id <> o.person_id
)
select
    id_type, id_key, count(*) as others, count(*) filter (agrees) as agreeing, count(differ) as tested,
    count(*) filter (differ) as differing
from beside
group by id_type, id_key;

delete from base.id_keys where (id_type, id_key) in (select (id_type, id_key) from met_keys);

insert into base.id_keys
select
    f.id_type, f.id_key, f.is_filler, f.rows, coalesce(a.others, 0), coalesce(a.agreeing, 0), coalesce(a.tested, 0),
    coalesce(a.differing, 0)
from key_facts as f
left join key_agreements as a on f.id_type = a.id_type and f.id_key = a.id_key
where f.is_filler or f.is_shared;

create or replace table identifier_types as
with held as (
    select id_type, count(*) as rows from base.held_ids group by id_type
),
found as (
    select
        id_type, sum(others) as others, sum(agreeing) as agreeing, sum(tested) as tested, sum(differing) as differing,
        sum(rows) filter (is_filler) as filler_rows
    from base.id_keys
    group by id_type
)
select
    h.id_type,
    exists(select 1 from personal_patterns as p where regexp_matches(h.id_type, p.pattern))
    and coalesce(f.differing / nullif(f.tested, 0) <= 0.05, true) as is_personal,
    coalesce(f.others, 0)::bigint as shared_ids,
    f.agreeing / nullif(f.others, 0) as agreement,
    coalesce(f.agreeing / nullif(f.others, 0) >= 0.8, true) as is_used
from held as h
left join found as f on h.id_type = f.id_type
where h.rows > coalesce(f.filler_rows, 0);

-- A kind that is now worth more or less than it was.
create or replace table turned_types as
select coalesce(n.id_type, b.id_type) as id_type
from identifier_types as n
full join base.identifier_types as b on n.id_type = b.id_type
where (n.is_personal, n.is_used) is distinct from (b.is_personal, b.is_used);

create or replace table old_ids as
from base.person_identifiers
where key in (select id_type || '|' || id_key from met_keys) or id_type in (select id_type from turned_types);

create or replace table new_person_ids as
select distinct h.person_id, h.id_type, h.id_type || '|' || h.id_key as key, t.is_personal
from base.held_ids as h
inner join identifier_types as t on h.id_type = t.id_type
where t.is_used
    and ((h.id_type, h.id_key) in (select (id_type, id_key) from met_keys) or h.id_type in (select id_type from turned_types))
    and (h.id_type, h.id_key) not in (select (id_type, id_key) from base.id_keys where is_filler);

delete from base.person_identifiers
where key in (select key from old_ids);

insert into base.person_identifiers from new_person_ids;

delete from base.identifier_types;

insert into base.identifier_types from identifier_types;

insert into dirty_persons
(
    select person_id
    from (
        (from new_person_ids except from old_ids)
        union
        (from old_ids except from new_person_ids)
    )
)
except
select person_id from dirty_persons;
