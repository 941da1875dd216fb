-- A choice holds until it is undone.
select
    person_id,
    max(decided_at) as chosen_at
from {{ source('canonical', 'review_decisions') }}
where decision = 'golden' and undone_at is null
group by person_id
