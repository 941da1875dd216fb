-- Who belongs together: joint owners share a household; an organisation has its contact; a person has an employer.
-- In: assignment. Out: relations(person_id, related_person_id, relation).
create or replace table relations as
with others as (
    select row_number, person_id, role from assignment where party_no > 1
)
select distinct
    case when y.role = 'joint_owner' then least(x.person_id, y.person_id) else x.person_id end as person_id,
    case when y.role = 'joint_owner' then greatest(x.person_id, y.person_id) else y.person_id end as related_person_id,
    case y.role when 'joint_owner' then 'household' else y.role end as relation
from assignment as x
inner join others as y on x.row_number = y.row_number and x.party_no = 1
where x.person_id <> y.person_id;
