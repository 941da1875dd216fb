{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "cap", "subject", "nth"], "type": "primary"}]) }}

-- Touches that a cap still counts at as_of(), numbered, of entities that have been touched often enough to reach it.
-- Caps of one campaign are for the scrub of its list and not here.
with touches as (

    select
        touches.entity_id,
        caps.cap,
        case when caps.counts = 'campaign' then coalesce(touches.campaign, '') else '' end as subject,
        touches.touched_at,
        touches.touchpoint_id
    from {{ ref('int_touches') }} as touches
    inner join {{ ref('frequency_caps') }} as caps
        on caps.channel = touches.channel
        and caps.effective_from <= date(touches.touched_at)
        and (caps.effective_until is null or caps.effective_until > date(touches.touched_at))
    where caps.enabled = 1
        and coalesce(caps.campaign, '') = ''
        and touches.touched_at > {{ as_of() }} - interval caps.window_hours hour
        and {{ of_changed('touches.entity_id') }}

),

numbered as (

    select
        entity_id,
        cap,
        subject,
        touched_at,
        row_number() over (partition by entity_id, cap, subject order by touched_at, touchpoint_id) as nth,
        count(*) over (partition by entity_id, cap, subject) as touches
    from touches

)

select numbered.entity_id, numbered.cap, numbered.subject, numbered.nth, numbered.touched_at
from numbered
inner join {{ ref('frequency_caps') }} as caps
    on caps.cap = numbered.cap and numbered.touches >= caps.max_touches
