{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id"], "type": "primary"},
    {"columns": ["state", "county", "score"]},
    {"columns": ["score"]},
    {"columns": ["household_id"]},
]) }}

-- Golden persons with what may be used to reach them, whom to ask first at the top of the score. `wait` counts as
-- usable: only the hour or a cap speaks against it. The score is 0 to 100: 40 for a call, 25 for a letter, 20 for a
-- text, 15 for an e-mail; a contact in the last 30 days halves it, since the others have waited longer.
select
    people.entity_id,
    coalesce(households.household_id, people.entity_id) as household_id,
    people.person_id,
    people.entity_type,
    people.display_name,
    homes.city,
    homes.state,
    homes.county,
    homes.zip,
    reach.phone_to_call,
    reach.phone_to_text,
    reach.email,
    reach.address,
    reach.last_touched_at,
    case when reach.last_touched_at is not null then (
        select max(touches.channel)
        from {{ ref('int_touches') }} as touches
        where touches.entity_id = reach.entity_id and touches.touched_at = reach.last_touched_at
    ) end as last_channel,
    (
        case when reach.phone_to_call is not null then 40 else 0 end
        + case when reach.address is not null then 25 else 0 end
        + case when reach.phone_to_text is not null then 20 else 0 end
        + case when reach.email is not null then 15 else 0 end
    ) div case when reach.last_touched_at > {{ as_of() }} - interval 30 day then 2 else 1 end as score
from {{ ref('int_golden_persons') }} as people
inner join {{ ref('int_reach') }} as reach
    on reach.entity_id = people.entity_id
left join {{ ref('int_entity_addresses') }} as homes
    on homes.entity_id = people.entity_id and homes.is_primary = 1
left join {{ ref('stg_households') }} as households
    on households.entity_id = people.entity_id
where {{ of_changed('people.entity_id') }}
