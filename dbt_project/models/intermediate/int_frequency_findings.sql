{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "channel"]}]) }}

-- From the touch that reaches a cap until the oldest of that many leaves the cap's window, within the days of the cap.
-- Caps per campaign count as reached when any one campaign has reached them.
{%- set starts_at -%}
    greatest(last_of.touched_at, cast(caps.effective_from as datetime(6)))
{%- endset %}
{%- set ends_at -%}
    least(
        first_of.touched_at + interval caps.window_hours hour,
        coalesce(cast(caps.effective_until as datetime(6)), {{ end_of_time() }})
    )
{%- endset %}
select
    last_of.entity_id,
    last_of.contact,
    caps.channel,
    nullif(caps.state, '') as state,
    {{ starts_at }} as starts_at,
    {{ ends_at }} as ends_at,
    concat(
        'frequency_caps ', last_of.cap, ': ', caps.max_touches, ' in ', caps.window_hours, ' hours, the last ',
        date(last_of.touched_at), coalesce(concat(', campaign ', nullif(last_of.subject, '')), '')
    ) as evidence
from {{ ref('int_capped_touches') }} as last_of
inner join {{ ref('frequency_caps') }} as caps
    on caps.cap = last_of.cap
inner join {{ ref('int_capped_touches') }} as first_of
    on first_of.entity_id = last_of.entity_id
    and first_of.contact = last_of.contact
    and first_of.cap = last_of.cap
    and first_of.subject = last_of.subject
    and first_of.nth = last_of.nth - caps.max_touches + 1
where {{ ends_at }} > {{ starts_at }}
    and {{ of_changed('last_of.entity_id') }}
