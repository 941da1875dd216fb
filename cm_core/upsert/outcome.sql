-- What became of each source row, and who belongs together.
-- In:  assignment, parties, folded_*, assigned(row_number, party_no, person_id, operation): an earlier run's answer.
-- Out: outcome(row_number, party_no, person_id, role, match_key, operation), relations, counts per row.
create or replace table contributions as
select id as person_id, name_won_by as row_number from folded_persons where is_changed and name_won_by is not null
union
select id, birth_won_by from folded_persons where is_changed and birth_won_by is not null
union
select id, newest_row from folded_persons where is_changed and newest_row is not null
union
select person_id, won_by from folded_phones where (is_new or is_changed) and won_by is not null
union
select person_id, won_by from folded_emails where (is_new or is_changed) and won_by is not null
union
select person_id, won_by from folded_addresses where (is_new or is_changed) and won_by is not null
union
select person_id, won_by from folded_identifiers where (is_new or is_changed) and won_by is not null;

create or replace table outcome as
select
    a.row_number,
    a.party_no,
    a.person_id,
    p.role,
    a.match_key,
    case
        when k.operation is not null then k.operation
        when f.is_new and a.row_number = f.first_row then 'inserted'
        when c.row_number is not null then 'updated'
        else 'skipped'
    end as operation,
    k.operation is null as is_new
from assignment as a
inner join parties as p on a.row_number = p.row_number and a.party_no = p.party_no
inner join folded_persons as f on a.person_id = f.id
left join contributions as c on a.person_id = c.person_id and a.row_number = c.row_number
left join assigned as k on a.row_number = k.row_number and a.party_no = k.party_no;

-- Joint owners share a household; an organisation has its contact; a person has an employer.
create or replace table relations as
select distinct
    case when q.role = 'joint_owner' then least(x.person_id, y.person_id) else x.person_id end as person_id,
    case when q.role = 'joint_owner' then greatest(x.person_id, y.person_id) else y.person_id end as related_person_id,
    case q.role when 'joint_owner' then 'household' else q.role end as relation
from assignment as x
inner join assignment as y on x.row_number = y.row_number and x.party_no = 1 and y.party_no > 1
inner join parties as q on y.row_number = q.row_number and y.party_no = q.party_no
where x.person_id <> y.person_id;

create or replace table row_outcome as
select
    row_number,
    case
        when bool_or(operation = 'inserted') then 'inserted'
        when bool_or(operation = 'updated') then 'updated'
        else 'skipped'
    end as operation
from outcome
group by row_number;
