{#
  The verdicts of a channel at the moment of the query: calling hours of every plausible place, and `review` where the
  kept verdict has run out since the last build. `utc_timestamp()` follows `set timestamp`.
#}
{% macro verdicts_now(channel, marts) %}
select
    kept.entity_id,
    kept.person_id,
    kept.contact_key,
    kept.contact,
    kept.extension,
    kept.phone_type,
    kept.is_primary,
    case
        when kept.valid_until <= utc_timestamp(6) and kept.verdict in ('allowed', 'wait') then 'review'
        when kept.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then 'wait'
        else kept.verdict
    end as verdict,
    case
        when kept.valid_until <= utc_timestamp(6) and kept.verdict in ('allowed', 'wait') then 'Q'
        when kept.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.code
        else kept.code
    end as code,
    case
        when kept.valid_until <= utc_timestamp(6) and kept.verdict in ('allowed', 'wait') then 'verdict_expired'
        when kept.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.reason_code
        else kept.reason_code
    end as reason_code,
    case
        when kept.valid_until <= utc_timestamp(6) and kept.verdict in ('allowed', 'wait')
            then 'Something changed by the passing of time; the marts must be built anew'
        when kept.verdict = 'allowed' and rules.reason_code is not null and not {{ is_open() }} then rules.description
        else kept.reason
    end as reason,
    kept.evidence,
    kept.home_places,
    kept.area_places,
    kept.valid_until,
    kept.checked_at
from {{ marts }} as kept
left join {{ ref('compliance_rules') }} as rules
    on rules.channel = '{{ channel }}'
    and rules.reason_code = 'calling_window'
    and rules.enabled = 1
    and rules.effective_from <= date(utc_timestamp(6))
    and (rules.effective_until is null or rules.effective_until > date(utc_timestamp(6)))
    and (rules.purposes = 'all' or find_in_set('{{ var("purpose") }}', replace(rules.purposes, '|', ',')) > 0)
left join {{ ref('int_open_places') }} as home
    on home.places = kept.home_places and home.channel = '{{ channel }}'
left join {{ ref('int_open_places') }} as area
    on area.places = coalesce(kept.area_places, case when kept.home_places is null then '??' end)
    and area.channel = '{{ channel }}'
{% endmacro %}


{# Open in every place that is known; where none is, in all there are. #}
{% macro is_open() -%}
  (
    (kept.home_places is null or home.places is not null)
    and (area.places is not null or (kept.area_places is null and kept.home_places is not null))
  )
{%- endmacro %}
