{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact", "cap", "subject", "nth"], "type": "primary"},
]) }}

-- Touches that a cap still counts at as_of(), numbered, of entities that have been touched often enough to reach it.
-- Caps of one campaign are for the scrub of its list and not here. `contact` is blank where they are the entity's;
-- contacts made where nobody knows whose the contact point was count for that one alone, beside those of the entity.
{%- set contact_points = [
    ('int_entity_phones', 'phone_e164', 'phone_e164'), ('int_entity_emails', 'contact_key', 'email_key')
] %}
{%- set longest -%}
    (select max(caps.window_hours) from {{ ref('frequency_caps') }} as caps)
{%- endset %}
with uncertain as (

    {% for contacts, held, named in contact_points %}
    select distinct
        contacts.entity_id,
        {{ as_key('contacts.' ~ held) }} as contact,
        touchpoints.channel,
        {{ campaign_of('touchpoints', 'campaigns') }} as campaign,
        touchpoints.touched_at,
        touchpoints.touchpoint_id
    from {{ ref('stg_touchpoints') }} as touchpoints
    inner join {{ ref(contacts) }} as contacts
        on contacts.{{ held }} = touchpoints.{{ named }}
    left join {{ ref('stg_campaigns') }} as campaigns
        on campaigns.campaign_id = touchpoints.campaign_id
    where touchpoints.person_id is null
        and touchpoints.touched_at > {{ as_of() }} - interval {{ longest }} hour
        and {{ made_by_us('touchpoints') }}
        and {{ of_changed('contacts.entity_id') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

all_touches as (

    select entity_id, {{ as_key("''") }} as contact, channel, campaign, touched_at, touchpoint_id
    from {{ ref('int_touches') }}
    where touched_at > {{ as_of() }} - interval {{ longest }} hour and {{ of_changed('entity_id') }}
    union all
    select entity_id, contact, channel, campaign, touched_at, touchpoint_id
    from uncertain
    union all
    select
        touches.entity_id,
        pairs.contact,
        touches.channel,
        touches.campaign,
        touches.touched_at,
        touches.touchpoint_id
    from (select distinct entity_id, contact from uncertain) as pairs
    inner join {{ ref('int_touches') }} as touches
        on touches.entity_id = pairs.entity_id and touches.touched_at > {{ as_of() }} - interval {{ longest }} hour

),

touches as (

    select
        all_touches.entity_id,
        all_touches.contact,
        caps.cap,
        case when caps.counts = 'campaign' then coalesce(all_touches.campaign, '') else '' end as subject,
        all_touches.touched_at,
        all_touches.touchpoint_id
    from all_touches
    inner join {{ ref('frequency_caps') }} as caps
        on caps.channel = all_touches.channel
    where caps.enabled = 1
        and lower(coalesce(caps.campaign, '')) in ('', 'all')
        and all_touches.touched_at > {{ as_of() }} - interval caps.window_hours hour

),

numbered as (

    select
        entity_id,
        contact,
        cap,
        subject,
        touched_at,
        row_number() over (partition by entity_id, contact, cap, subject order by touched_at, touchpoint_id) as nth,
        count(*) over (partition by entity_id, contact, cap, subject) as touches
    from touches

)

select numbered.entity_id, numbered.contact, numbered.cap, numbered.subject, numbered.nth, numbered.touched_at
from numbered
inner join {{ ref('frequency_caps') }} as caps
    on caps.cap = numbered.cap and numbered.touches >= caps.max_touches
