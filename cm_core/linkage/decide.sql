-- Which scored pairs of humans are one person. A high probability is needed; and since fathers and sons share name,
-- address, phone and often the middle name, a generation (JR) on one side only, or birthdays that are no slip of each
-- other, need a personal proof: the same e-mail, or a number that is issued to one person, or a slip of it; for the
-- generation the same birthday or any id will do. Twins have numbers that were issued one after the other, so given names that
-- clash need the same number, or a slip before its end. A nickname, initial or slip with another middle initial is somebody else.
-- A nickname of the other sex (CHRIS of CHRISTINA) needs a proof too. An initial (J SMITH) stays alone if it fits two people
-- who are not one.
-- In:  scored(unique_id_l, unique_id_r, match_probability), base.records, base.judged_pairs, base.legal_pairs.
-- Out: base.judged_pairs, with those pairs that were not judged before; judged_pairs (all scored pairs; refusal: the rule that
--      keeps the two apart, if one does), linked_humans(id_l, id_r, match_probability), and doubtful(id_l, id_r,
--      match_probability, cause): the other pairs, too improbable to be one (`uncertain`), or kept apart by the above (`rule`),
--      and organisations in doubt; those of most doubt first.
create or replace table to_judge as
select s.unique_id_l as id_l, s.unique_id_r as id_r
from scored as s
anti join base.judged_pairs as j on s.unique_id_l = j.id_l and s.unique_id_r = j.id_r;

create or replace table judged_records as
select * from base.records where unique_id in (select id_l from to_judge union all select id_r from to_judge);

insert into base.judged_pairs
with looked_at as (
    select
        s.id_l,
        s.id_r,
        list_has_any(l.personal_ids, r.personal_ids) or mistyped_ids(l.personal_ids, r.personal_ids) as same_number,
        list_has_any(l.emails, r.emails) or like_ids(l.personal_ids, r.personal_ids) as same_email_or_like_number,
        coalesce(
            l.name_is_known and r.name_is_known and l.name_class <> r.name_class
            and not list_contains(l.name_forms, r.first_name) and not list_contains(r.name_forms, l.first_name)
            and not list_has_any(l.first_names, r.first_names)
            and least(length(l.first_name), length(r.first_name)) > 1
            and least(jaro_winkler_similarity(l.first_name, r.last_name), jaro_winkler_similarity(l.last_name, r.first_name)) < 0.9,
            false
        ) as other_given_name,
        coalesce(l.dob = r.dob, false) or list_has_any(l.identifiers, r.identifiers) as same_birthday_or_id,
        (l.generation is null) <> (r.generation is null) as one_generation,
        coalesce((year(l.dob) = year(r.dob))::integer + (month(l.dob) = month(r.dob))::integer
            + (day(l.dob) = day(r.dob))::integer < 2, false) as other_birthday,
        coalesce(l.last_name <> r.last_name and not list_has_any(l.last_names, r.last_names)
            and l.first_name <> r.last_name and jaro_winkler_similarity(l.last_name, r.last_name) < 0.92
            and damerau_levenshtein(l.last_name, r.last_name) > 1, false) as other_surname,
        l.name_is_known and r.name_is_known as both_known,
        l.name_class <> r.name_class and l.name_is_known and r.name_is_known and length(l.first_name) > 1
        and length(r.first_name) > 1 and abs(l.male_part - r.male_part) > 0.5 as loose_nickname,
        l.first_name <> r.first_name and not coalesce(list_has_any(l.middles, r.middles), true) as other_middle,
        list_has_any(l.phones, r.phones) or coalesce(list_has_any(l.middles, r.middles), false) as same_phone_or_middle,
        case when length(l.first_name) = 1 and length(r.first_name) > 1 then l.unique_id
            when length(r.first_name) = 1 and length(l.first_name) > 1 then r.unique_id end as initial_id,
        case when length(l.first_name) = 1 and r.name_is_known then r.name_class
            when length(r.first_name) = 1 and l.name_is_known then l.name_class end
            as whole_name
    from to_judge as s
    inner join judged_records as l on s.id_l = l.unique_id
    inner join judged_records as r on s.id_r = r.unique_id
),
proven as (
    select *, same_number or same_email_or_like_number and not other_given_name as is_proven from looked_at
)
-- An unknown answer never speaks for a pair.
select
    id_l,
    id_r,
    is_proven,
    initial_id,
    whole_name,
    case
        when is_proven then null
        when other_given_name then 'given names that clash beside numbers that may have been issued one after the other'
        when other_birthday then 'birthdays that are no slip of each other'
        when (not other_middle) is not true then 'another middle initial beside given names that are not the same'
        when (same_birthday_or_id or not one_generation) is not true
            then 'a generation (JR, SR, II ...) on one side only, without the same birthday, e-mail or identifier'
        when (not other_surname or same_birthday_or_id or both_known and initial_id is null) is not true
            then 'another surname beside a given name that is not well known, without the same birthday or identifier'
        when (not loose_nickname or same_birthday_or_id or same_phone_or_middle) is not true
            then 'a nickname that others of the other sex bear, without the same birthday, identifier, phone or middle initial'
    end as refusal
from proven;

create or replace view judged_pairs as
select s.match_probability, j.*
from scored as s
inner join base.judged_pairs as j on s.unique_id_l = j.id_l and s.unique_id_r = j.id_r;

create or replace table linked_humans as
with kept as (
    select * from judged_pairs where match_probability >= $threshold and refusal is null
)
select id_l, id_r, match_probability
from kept
qualify initial_id is null or is_proven
    or coalesce(min(whole_name) over (partition by initial_id) = max(whole_name) over (partition by initial_id), true);

create or replace table doubtful as
select
    s.unique_id_l as id_l,
    s.unique_id_r as id_r,
    s.match_probability,
    case when s.match_probability < $threshold then 'uncertain' else 'rule' end as cause
from scored as s
anti join linked_humans as k on s.unique_id_l = k.id_l and s.unique_id_r = k.id_r
union all
select id_l, id_r, match_probability, 'uncertain'
from base.legal_pairs
where not is_one and match_probability >= $least
order by abs(match_probability - 0.5), id_l, id_r
limit $most_doubts;
