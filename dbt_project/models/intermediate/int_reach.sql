{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id"], "type": "primary"}]) }}

-- Of each entity the contact point to use on each channel, the primary one if it may be used, and its last contact.
{%- set channels = [('call', 'phone_to_call'), ('sms', 'phone_to_text'), ('email', 'email'), ('mail', 'address')] %}
select
    people.entity_id,
    {%- for channel, name in channels %}
    case
        when of_{{ channel }}.verdict in ('allowed', 'wait') then of_{{ channel }}.contact
        when of_{{ channel }}.entity_id is not null then (
            select verdicts.contact
            from {{ ref('compliance_' ~ channel) }} as verdicts
            where verdicts.entity_id = people.entity_id and verdicts.verdict in ('allowed', 'wait')
            order by verdicts.contact_key
            limit 1
        )
    end as {{ name }},
    {%- endfor %}
    (
        select max(touches.touched_at)
        from {{ ref('int_touches') }} as touches
        where touches.entity_id = people.entity_id and touches.touched_at <= {{ as_of() }}
    ) as last_touched_at
from {{ ref('int_golden_persons') }} as people
{%- for channel, name in channels %}
left join {{ ref('compliance_' ~ channel) }} as of_{{ channel }}
    on of_{{ channel }}.entity_id = people.entity_id and of_{{ channel }}.is_primary = 1
{%- endfor %}
where {{ of_changed('people.entity_id') }}
