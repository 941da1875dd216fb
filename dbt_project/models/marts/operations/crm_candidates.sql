{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id"], "type": "primary"},
    {"columns": ["answered_at"]},
]) }}

-- Who is worth a place in the CRM without having one: people who answered. They called, wrote or texted us, picked up,
-- or replied to a campaign. An answer does not count where they asked to be left alone on that channel then or later:
-- "STOP" is an answer too. Whether a person may be put there at all is looked at again when a push is planned.
with answers as (

    select
        persons.entity_id,
        touchpoints.touched_at,
        touchpoints.channel,
        touchpoints.status,
        coalesce(json_unquote(json_extract(touchpoints.metadata, '$.direction')), 'outbound') = 'inbound' as is_inbound,
        coalesce(
            campaigns.code, touchpoints.campaign_code, campaigns.name, touchpoints.campaign_name
        ) as campaign
    from {{ ref('stg_persons') }} as persons
    inner join {{ ref('stg_touchpoints') }} as touchpoints
        on touchpoints.person_id = persons.person_id
    left join {{ ref('stg_campaigns') }} as campaigns
        on campaigns.campaign_id = touchpoints.campaign_id
    where {{ of_changed('persons.entity_id') }} and touchpoints.touched_at <= {{ as_of() }}

),

counting as (

    select answers.*
    from answers
    where (answers.is_inbound or answers.status in ('answered', 'connected', 'replied', 'responded', 'interested'))
        and not exists (
            select 1
            from {{ ref('int_entity_opt_outs') }} as asked
            where asked.entity_id = answers.entity_id and asked.channel = answers.channel
                and asked.starts_at >= answers.touched_at
        )

),

ranked as (

    select
        counting.*,
        row_number() over (
            partition by entity_id
            order by touched_at desc, is_inbound desc, channel, status, campaign
        ) as answer_rank,
        count(*) over (partition by entity_id) as answers
    from counting

)

select
    ranked.entity_id,
    people.person_id,
    people.display_name,
    case when ranked.is_inbound then 'inbound' else 'response' end as why,
    ranked.channel,
    ranked.campaign,
    ranked.touched_at as answered_at,
    ranked.answers
from ranked
inner join {{ ref('int_golden_persons') }} as people
    on people.entity_id = ranked.entity_id
where ranked.answer_rank = 1 and people.entity_type = 'person'
