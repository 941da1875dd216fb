{{ config(materialized='view') }}

-- Contacts that we made, or tried to make, with people we know. What only happened in the CRM (a meeting, a deal) is
-- none. Those of people whom nobody knows for certain are in int_capped_touches only.
select
    persons.entity_id,
    touchpoints.touchpoint_id,
    touchpoints.channel,
    touchpoints.touched_at,
    touchpoints.campaign_id,
    {{ campaign_of('touchpoints', 'campaigns') }} as campaign,
    touchpoints.phone_e164,
    touchpoints.email_key,
    touchpoints.status
from {{ ref('stg_persons') }} as persons
inner join {{ ref('stg_touchpoints') }} as touchpoints
    on touchpoints.person_id = persons.person_id
left join {{ ref('stg_campaigns') }} as campaigns
    on campaigns.campaign_id = touchpoints.campaign_id
where {{ made_by_us('touchpoints') }}
