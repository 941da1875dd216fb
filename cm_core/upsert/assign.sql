-- Every party's person: what an earlier run of the import said, else its own keys' person, else its group's.
-- In:  labels, own_target, group_target, new_groups, joined_by, assigned, parties, new_ids(first_id),
--      party_keys, owner_keys, rules.
-- Out: assignment(row_number, party_no, person_id, is_new, alone, match_key, role, source_date); `alone` parties are new
--      persons of whom nothing else is known, so there is nothing to fold;
--      spread(row_number, party_no, person_id, source_date): whom the values of all others go to, the same one person
--      unless the guard `attach_to_one_person` is off, which lets them go to every person that a key names, as the
--      seed's SQL does.
create or replace table assignment as
select
    l.row_number,
    l.party_no,
    coalesce(a.person_id, t.person_id, g.person_id, n.position + ids.first_id) as person_id,
    a.person_id is null and t.person_id is null and g.person_id is null as is_new,
    coalesce(n.alone, false) as alone,
    case
        when t.person_id is not null then t.kind
        when l.row_number * 1000 + l.party_no = l.label then 'new'
        else coalesce(j.kind, 'new')
    end as match_key,
    p.role,
    p.source_date
from labels as l
inner join parties as p on l.row_number = p.row_number and l.party_no = p.party_no
cross join new_ids as ids
left join assigned as a on l.row_number = a.row_number and l.party_no = a.party_no
left join own_target as t on l.row_number = t.row_number and l.party_no = t.party_no
left join group_target as g on l.label = g.label
left join new_groups as n on l.label = n.label
left join joined_by as j on l.row_number = j.row_number and l.party_no = j.party_no;

create or replace table spread as
select row_number, party_no, person_id, source_date from assignment where not alone
union
select k.row_number, k.party_no, o.person_id, p.source_date
from party_keys as k
inner join owner_keys as o on k.kind = o.kind and k.match_key = o.match_key
inner join parties as p on k.row_number = p.row_number and k.party_no = p.party_no
where not (select attach_to_one_person from rules);
