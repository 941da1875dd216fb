{{ config(materialized='view') }}

-- Contacts that we made, or tried to make, with people we know. What only happened in the CRM (a meeting, a deal) is
-- none.
select
    persons.entity_id,
    touchpoints.touchpoint_id,
    touchpoints.channel,
    touchpoints.touched_at,
    touchpoints.campaign_id,
    coalesce(campaigns.code, touchpoints.campaign_code, campaigns.name, touchpoints.campaign_name) as campaign,
    touchpoints.phone_e164,
    touchpoints.email_key,
    touchpoints.status
from {{ ref('stg_persons') }} as persons
inner join {{ ref('stg_touchpoints') }} as touchpoints
    on touchpoints.person_id = persons.person_id
left join {{ ref('stg_campaigns') }} as campaigns
    on campaigns.campaign_id = touchpoints.campaign_id
where touchpoints.channel <> 'crm'
    and coalesce(json_unquote(json_extract(touchpoints.metadata, '$.direction')), 'outbound') <> 'inbound'
    and coalesce(touchpoints.status, '') not in ('failed', 'bounced', 'undelivered', 'cancelled', 'canceled', 'skipped')
