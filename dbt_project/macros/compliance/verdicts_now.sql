{#
  The verdicts of a channel at the moment of the query: calling hours of every plausible place, and `review` where the
  stored verdict has run out since the last build. `utc_timestamp()` follows `set timestamp`.
#}
{% macro verdicts_now(channel, marts) %}
select
    stored.entity_id,
    stored.person_id,
    stored.contact_key,
    stored.contact,
    stored.extension,
    stored.phone_type,
    stored.is_primary,
    case
        when stored.valid_until <= utc_timestamp(6) and stored.verdict in ('allowed', 'wait') then 'review'
        when stored.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then 'wait'
        else stored.verdict
    end as verdict,
    case
        when stored.valid_until <= utc_timestamp(6) and stored.verdict in ('allowed', 'wait') then 'Q'
        when stored.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.code
        else stored.code
    end as code,
    case
        when stored.valid_until <= utc_timestamp(6) and stored.verdict in ('allowed', 'wait') then 'verdict_expired'
        when stored.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.reason_code
        else stored.reason_code
    end as reason_code,
    case
        when stored.valid_until <= utc_timestamp(6) and stored.verdict in ('allowed', 'wait')
            then 'Something changed by the passing of time; the marts must be built anew'
        when stored.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.description
        else stored.reason
    end as reason,
    stored.evidence,
    stored.home_places,
    stored.area_places,
    stored.valid_until,
    stored.checked_at
from {{ marts }} as stored
left join {{ ref('compliance_rules') }} as rules
    on rules.channel = '{{ channel }}'
    and rules.reason_code = 'calling_window'
    and rules.enabled = 1
    and rules.effective_from <= date(utc_timestamp(6))
    and (rules.effective_until is null or rules.effective_until > date(utc_timestamp(6)))
    and (rules.purposes = 'all' or find_in_set('{{ var("purpose") }}', replace(rules.purposes, '|', ',')) > 0)
left join {{ ref('int_open_places') }} as home
    on home.places = stored.home_places and home.channel = '{{ channel }}'
left join {{ ref('int_open_places') }} as area
    on area.places = coalesce(stored.area_places, case when stored.home_places is null then '??' end)
    and area.channel = '{{ channel }}'
{% endmacro %}


{# Open in every place that is known; where none is, in all there are. #}
{% macro is_open() -%}
  (
    (stored.home_places is null or home.places is not null)
    and (area.places is not null or (stored.area_places is null and stored.home_places is not null))
  )
{%- endmacro %}
