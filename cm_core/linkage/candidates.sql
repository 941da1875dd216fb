-- Pairs worth scoring: they meet in a block and their given names do not clash. Spouses, parents and children share
-- surname, address and phone; what tells them apart is the given name, so a clash ends the comparison (a household is no
-- duplicate). A name without its given name or surname fits a whole household: it needs the same birthday. A number that is
-- issued to one person, such as a voter's, settles both (a slip of it, with the birthday): then one of the names is wrong,
-- or has changed.
-- In:  live_keys(code, unique_id, is_new: null for those not compared anew), base.records.
-- Out: met_pairs(id_l, id_r, names_agree, generations_clash), candidates(match_key, join_key_l, join_key_r).
--
-- A new record meets everybody, an old one whose block turned only others of that kind.
create or replace table met as
select distinct least(l.unique_id, r.unique_id) as id_l, greatest(l.unique_id, r.unique_id) as id_r
from live_keys as l
inner join live_keys as r on l.code = r.code and l.unique_id <> r.unique_id
where l.is_new is not null and case
    when l.is_new and r.is_new or not l.is_new and not r.is_new then l.unique_id < r.unique_id
    else l.is_new
end;

create or replace table met_records as
select * from base.records
where unique_id in (select id_l from met union all select id_r from met);

create or replace view met_pairs as
select
    m.id_l,
    m.id_r,
    (
        list_contains(l.name_forms, r.first_name) or list_contains(r.name_forms, l.first_name)
        or l.name_class = r.name_class
        or list_has_any(l.first_names, r.first_names)
        or (length(l.first_name) = 1 or length(r.first_name) = 1) and l.first_name[1] = r.first_name[1]
        or least(jaro_winkler_similarity(l.first_name, r.last_name), jaro_winkler_similarity(l.last_name, r.first_name)) >= 0.9
        or not (l.name_is_known and r.name_is_known) and (
            jaro_winkler_similarity(l.first_name, r.first_name) >= 0.85
            or damerau_levenshtein(l.first_name, r.first_name) = 1 and least(length(l.first_name), length(r.first_name)) >= 3
        )
        or l.dob = r.dob and (l.first_name is null or r.first_name is null)
    )
    and (l.dob = r.dob or l.last_name is not null and r.last_name is not null)
    or list_has_any(l.personal_ids, r.personal_ids)
    or l.dob = r.dob and like_ids(l.personal_ids, r.personal_ids) as names_agree,
    l.generation is not null and r.generation is not null and not list_has_any(l.generations, r.generations)
        as generations_clash
from met as m
inner join met_records as l on m.id_l = l.unique_id
inner join met_records as r on m.id_r = r.unique_id;

create or replace table candidates as
select '0' as match_key, id_l as join_key_l, id_r as join_key_r
from met_pairs
where names_agree and not generations_clash;
