{#
  One row per contact point: of what speaks against it at as_of() the rule with the lowest precedence decides
  (int_judgements, int_area_judgements). Without any: `exempt` where an exemption lifted one, else `no_rule_blocks`.
  Fails closed: without its no_rule_blocks row the mart of a channel is empty. docs/adr/0032 has the whole rule,
  cm_core.compliance.verdicts the same in Python.

  `contacts`: model; `contact`: SQL of the value to use; `extra`: further columns of the contact point;
  `is_phone`: judgements of whole area codes count, and places for calling hours are given.
#}
{% macro verdicts(channel, contacts, contact, extra=[], is_phone=False) %}
with judged as (

    select
        contacts.entity_id,
        contacts.contact_key,
        {{ contact }} as contact,
        {%- for column in extra %}
        contacts.{{ column }},
        {%- endfor %}
        contacts.is_primary,
        own.waits_until,
        {%- if is_phone %}
        least(
            coalesce(own.deciding, '{{ last_rank() }}'),
            case when {{ is_lifted('area.exempt_by', 'lifted') }} then '{{ last_rank() }}'
                else coalesce(area.deciding, '{{ last_rank() }}') end
        ) as deciding,
        case
            when {{ is_lifted('area.exempt_by', 'lifted') }} then own.rule_ids
            when area.deciding < own.deciding then concat_ws(',', area.rule_ids, own.rule_ids)
            else concat_ws(',', own.rule_ids, area.rule_ids)
        end as rule_ids,
        (coalesce(own.was_lifted, 0) = 1 or (area.deciding is not null and {{ is_lifted('area.exempt_by', 'lifted') }}))
            as was_lifted,
        least(
            coalesce(own.next_change, {{ end_of_time() }}), coalesce(area.next_change, {{ end_of_time() }}),
            coalesce(lifted.next_change, {{ end_of_time() }})
        ) as next_change,
        homes.places as home_places,
        codes.places as area_places,
        codes.area_code
        {%- else %}
        coalesce(own.deciding, '{{ last_rank() }}') as deciding,
        own.rule_ids,
        coalesce(own.was_lifted, 0) = 1 as was_lifted,
        least(
            coalesce(own.next_change, {{ end_of_time() }}), coalesce(lifted.next_change, {{ end_of_time() }})
        ) as next_change
        {%- endif %}
    from {{ contacts }} as contacts
    left join {{ ref('int_judgements') }} as own
        on own.entity_id = contacts.entity_id
        and own.contact_key = contacts.contact_key
        and own.channel = '{{ channel }}'
    left join {{ ref('int_lifted') }} as lifted
        on lifted.entity_id = contacts.entity_id
        and lifted.contact_key = contacts.contact_key
        and lifted.channel = '{{ channel }}'
    {%- if is_phone %}
    left join {{ ref('int_area_codes') }} as codes
        on codes.area_code = {{ area_code_of('contacts') }}
    left join {{ ref('int_area_judgements') }} as area
        on area.area_code = case
            when codes.area_code is not null then codes.area_code
            when contacts.phone_e164 like '+1%' then 'unknown'
        end
        and area.channel = '{{ channel }}'
    left join {{ ref('int_entity_places') }} as homes
        on homes.entity_id = contacts.entity_id
    {%- endif %}
    where {{ of_changed('contacts.entity_id') }}

),

named as (

    select
        judged.*,
        case
            when deciding <> '{{ last_rank() }}' then substring_index(substring(deciding, 6), '|', 1)
            when was_lifted then 'exempt'
            else 'no_rule_blocks'
        end as decided_by
    from judged

)

select
    named.entity_id,
    people.person_id,
    named.contact_key,
    named.contact,
    {%- for column in extra %}
    named.{{ column }},
    {%- endfor %}
    named.is_primary,
    coalesce(rules.verdict, 'review') as verdict,
    coalesce(rules.code, 'Q') as code,
    named.decided_by as reason_code,
    coalesce(rules.description, 'No rule says what this means') as reason,
    case when named.deciding <> '{{ last_rank() }}'
        then nullif(substring(named.deciding, 7 + char_length(named.decided_by)), '') end as evidence,
    coalesce(nullif(named.rule_ids, ''), rules.rule_id) as rule_ids,
    {%- if is_phone %}
    concat('national ', lists.version_id, ' of ', date(lists.obtained_at)) as list_versions,
    named.home_places,
    named.area_places,
    {%- else %}
    cast(null as char(64)) as list_versions,
    {%- endif %}
    case when rules.verdict = 'wait' then nullif(named.waits_until, {{ end_of_time() }}) end as usable_from,
    nullif(
        least(named.next_change, coalesce({{ next_rule_change(channel) }}, {{ end_of_time() }})), {{ end_of_time() }}
    ) as valid_until,
    {{ as_of() }} as checked_at
from named
inner join {{ ref('int_golden_persons') }} as people
    on people.entity_id = named.entity_id
inner join {{ ref('int_rules_in_force') }} as defaults
    on defaults.channel = '{{ channel }}' and defaults.reason_code = 'no_rule_blocks'
left join {{ ref('int_rules_in_force') }} as rules
    on rules.channel = '{{ channel }}' and rules.reason_code = named.decided_by
{%- if is_phone %}
left join {{ ref('stg_dnc_area_coverage') }} as lists
    on lists.area_code = named.area_code and lists.source = 'national' and lists.is_current = 1
{%- endif %}
{% endmacro %}


{# The next instant at which a rule of the channel begins or ends. #}
{% macro next_rule_change(channel) -%}
  (
    select min(case
        when effective_from > date({{ as_of() }}) then effective_from
        when effective_until > date({{ as_of() }}) then effective_until
    end)
    from {{ ref('compliance_rules') }}
    where channel = '{{ channel }}' and enabled = 1
  )
{%- endmacro %}


{% macro holds(intervals) -%}
  ({{ intervals }}.starts_at <= {{ as_of() }} and ({{ intervals }}.ends_at is null or {{ intervals }}.ends_at > {{ as_of() }}))
{%- endmacro %}


{% macro next_change(intervals) -%}
  case
    when {{ intervals }}.starts_at > {{ as_of() }} then {{ intervals }}.starts_at
    when {{ intervals }}.ends_at > {{ as_of() }} then {{ intervals }}.ends_at
  end
{%- endmacro %}


{% macro is_lifted(exempt_by, lifted) -%}
  (
    (coalesce({{ lifted }}.has_consent, 0) = 1 and find_in_set('consent', replace(coalesce({{ exempt_by }}, ''), '|', ',')) > 0)
    or (coalesce({{ lifted }}.has_written_consent, 0) = 1
        and find_in_set('written_consent', replace(coalesce({{ exempt_by }}, ''), '|', ',')) > 0)
    or (coalesce({{ lifted }}.has_relationship, 0) = 1
        and find_in_set('relationship', replace(coalesce({{ exempt_by }}, ''), '|', ',')) > 0)
  )
{%- endmacro %}


{# `0040|dnc_listed|evidence`: the smallest of a contact point's is what decides. #}
{% macro rank_of(rules, findings) -%}
  concat(lpad({{ rules }}.precedence, 4, '0'), '|', {{ rules }}.reason_code, '|', coalesce({{ findings }}.evidence, ''))
{%- endmacro %}


{% macro last_rank() -%} 9999|none| {%- endmacro %}


{# Readers come by entity, by person, by contact point, count verdicts, or ask what runs out. #}
{% macro verdict_indexes() %}
  {{ return([
    {'columns': ['entity_id', 'contact_key'], 'type': 'primary'},
    {'columns': ['person_id']},
    {'columns': ['contact']},
    {'columns': ['verdict', 'reason_code']},
    {'columns': ['valid_until']},
  ]) }}
{% endmacro %}


{# An address as one line, "STREET, CITY, STATE ZIP"; the raw text where nothing was parsed. #}
{% macro one_line_address() -%}
  coalesce(nullif(concat_ws(', ',
      contacts.street, contacts.city, nullif(concat_ws(' ', contacts.state, contacts.zip), '')), ''),
      contacts.address_raw)
{%- endmacro %}
