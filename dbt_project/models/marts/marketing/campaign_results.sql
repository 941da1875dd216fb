{{ config(indexes=[{"columns": ["campaign_id"], "type": "primary"}]) }}

-- What became of each campaign: whom it reached, how often, and how many of them asked to be left alone in the 30 days
-- after its last contact with them.
with touches as (

    select
        touchpoints.campaign_id,
        touchpoints.touchpoint_id,
        touchpoints.touched_at,
        touchpoints.status,
        persons.entity_id
    from {{ ref('stg_touchpoints') }} as touchpoints
    left join {{ ref('stg_persons') }} as persons
        on persons.person_id = touchpoints.person_id
    where touchpoints.campaign_id is not null

),

asked as (

    select touches.campaign_id, count(distinct touches.entity_id) as people_who_opted_out
    from touches
    inner join {{ ref('int_entity_opt_outs') }} as requests
        on requests.entity_id = touches.entity_id
        and requests.starts_at >= touches.touched_at
        and requests.starts_at < touches.touched_at + interval 30 day
    group by touches.campaign_id

),

counted as (

    select
        campaign_id,
        count(*) as touches,
        count(distinct entity_id) as people,
        count(case when entity_id is null then 1 end) as touches_without_person,
        count(case when status in ('delivered', 'answered', 'connected', 'opened', 'clicked', 'replied') then 1 end)
            as reached,
        count(case when status in ('failed', 'bounced', 'undelivered', 'returned') then 1 end) as failed,
        min(touched_at) as first_touched_at,
        max(touched_at) as last_touched_at
    from touches
    group by campaign_id

)

select
    campaigns.campaign_id,
    campaigns.code,
    campaigns.name,
    campaigns.channel,
    campaigns.start_date,
    campaigns.end_date,
    coalesce(counted.touches, 0) as touches,
    coalesce(counted.people, 0) as people,
    coalesce(counted.touches_without_person, 0) as touches_without_person,
    coalesce(counted.reached, 0) as reached,
    coalesce(counted.failed, 0) as failed,
    coalesce(asked.people_who_opted_out, 0) as people_who_opted_out,
    counted.first_touched_at,
    counted.last_touched_at
from {{ ref('stg_campaigns') }} as campaigns
left join counted
    on counted.campaign_id = campaigns.campaign_id
left join asked
    on asked.campaign_id = campaigns.campaign_id
