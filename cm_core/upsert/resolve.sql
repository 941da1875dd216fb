-- Which persons the parties of the batch are, as far as keys and earlier runs say; the rest are new.
-- In:  party_keys, owner_keys, labels(row_number, party_no, label): parties joined by keys share a label,
--      joining_keys(kind, match_key), assigned(row_number, party_no, person_id): what an earlier run of the same import
--      decided.
-- Out: own_target(row_number, party_no, kind, person_id): the known person that the party's own keys name;
--      group_target(label, person_id); new_groups(label, alone, position): the persons to be, those of a single party
--      first; joined_by(row_number, party_no, kind).
create or replace table own_target as
select k.row_number, k.party_no, k.kind, o.person_id
from party_keys as k
inner join owner_keys as o on k.kind = o.kind and k.match_key = o.match_key
qualify row_number() over (
    partition by k.row_number, k.party_no order by precedence(k.kind), o.source_date desc, o.person_id
) = 1;

create or replace table group_target as
select l.label, coalesce(a.person_id, t.person_id) as person_id
from labels as l
left join own_target as t on l.row_number = t.row_number and l.party_no = t.party_no
left join assigned as a on l.row_number = a.row_number and l.party_no = a.party_no
where coalesce(a.person_id, t.person_id) is not null
qualify row_number() over (
    partition by l.label
    order by case when a.person_id is not null then 0 else precedence(t.kind) end, l.row_number, l.party_no
) = 1;

create or replace table new_groups as
with fresh as (
    select l.label, count(*) = 1 as alone
    from labels as l
    anti join group_target as g on l.label = g.label
    group by l.label
)
select label, alone, row_number() over (order by alone desc, label) - 1 as position
from fresh;

create or replace table joined_by as
select k.row_number, k.party_no, k.kind
from party_keys as k
semi join joining_keys as j on k.kind = j.kind and k.match_key = j.match_key
qualify row_number() over (partition by k.row_number, k.party_no order by precedence(k.kind)) = 1;
