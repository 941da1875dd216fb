-- Which person each party of the batch is.
-- In:  party_keys, owner_keys, parties, labels(row_number, party_no, label): parties joined by keys share a label,
--      assigned(row_number, party_no, person_id): what an earlier run of the same import decided, first_new_id().
-- Out: assignment(row_number, party_no, person_id, is_new, match_key, source_date)

create or replace table own_target as
select
    k.row_number,
    k.party_no,
    arg_min(
        struct_pack(person_id := o.person_id, kind := k.kind),
        struct_pack(
            precedence := case k.kind when 'email' then 1 when 'phone' then 2 else 3 end,
            age := -epoch_us(o.source_date),
            id := o.person_id
        )
    ) as target
from party_keys as k
inner join owner_keys as o on k.kind = o.kind and k.match_key = o.match_key
group by all;

create or replace table group_target as
select
    l.label,
    arg_min(
        coalesce(a.person_id, t.target.person_id),
        struct_pack(
            precedence := case when a.person_id is not null then 0 when t.target.kind = 'email' then 1
                when t.target.kind = 'phone' then 2 else 3 end,
            row := l.row_number,
            party := l.party_no
        )
    ) as person_id
from labels as l
left join own_target as t on l.row_number = t.row_number and l.party_no = t.party_no
left join assigned as a on l.row_number = a.row_number and l.party_no = a.party_no
where coalesce(a.person_id, t.target.person_id) is not null
group by l.label;

create or replace table new_groups as
select l.label, row_number() over (order by min(l.row_number * 1000 + l.party_no)) - 1 as position
from labels as l
anti join group_target as g on l.label = g.label
group by l.label;

create or replace table joined_by as
select
    k.row_number,
    k.party_no,
    arg_min(k.kind, case k.kind when 'email' then 1 when 'phone' then 2 else 3 end) as kind
from party_keys as k
semi join (
    select kind, match_key from party_keys group by all having count(*) > 1
) as m on k.kind = m.kind and k.match_key = m.match_key
group by all;
