-- What became of each source row that took part in a fold.
-- In:  assignment, folded_*, assigned(row_number, party_no, person_id, operation): an earlier run's answer.
-- Out: outcome(row_number, party_no, person_id, role, match_key, operation, is_new).
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
    a.role,
    a.match_key,
    case
        when k.operation is not null then k.operation
        when f.is_new and a.row_number = f.first_row then 'inserted'
        when c.row_number is not null then 'updated'
        else 'skipped'
    end as operation,
    k.operation is null as is_new
from assignment as a
inner join folded_persons as f on a.person_id = f.id
left join contributions as c on a.person_id = c.person_id and a.row_number = c.row_number
left join assigned as k on a.row_number = k.row_number and a.party_no = k.party_no
where not a.alone;
