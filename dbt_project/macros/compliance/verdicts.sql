{#
  One row per contact point: the finding whose rule comes first decides; without any, the rule no_rule_blocks does.
  Rules count when they are enabled and in force at as_of(). Fails closed: without a no_rule_blocks row for the
  channel the mart is empty.
  `contacts`, `findings`: models; `contact`: SQL of the value to use; `extra`: further columns of the contact point.
#}
{% macro verdicts(channel, contacts, findings, contact, extra=[]) %}
with contacts as (

    select * from {{ contacts }}

),

people as (

    select * from {{ ref('int_golden_persons') }}

),

rules as (

    select * from {{ ref('compliance_rules') }}
    where channel = '{{ channel }}'
        and enabled = 1
        and effective_date <= date({{ as_of() }})
        {%- if not var('require_dnc_coverage') %}
        and reason_code <> 'dnc_area_not_held'
        {%- endif %}

),

ranked as (

    select
        findings.entity_id,
        findings.contact_key,
        findings.evidence,
        rules.verdict,
        rules.reason_code,
        rules.description,
        row_number() over (
            partition by findings.entity_id, findings.contact_key
            order by rules.precedence, findings.evidence
        ) as position
    from {{ findings }} as findings
    inner join rules
        on rules.reason_code = findings.reason_code

),

deciding as (

    select * from ranked where position = 1

),

otherwise as (

    select * from rules where reason_code = 'no_rule_blocks'

)

select
    contacts.entity_id,
    people.person_id,
    contacts.contact_key,
    {{ contact }} as contact,
    {%- for column in extra %}
    contacts.{{ column }},
    {%- endfor %}
    contacts.is_primary,
    coalesce(deciding.verdict, otherwise.verdict) as verdict,
    coalesce(deciding.reason_code, otherwise.reason_code) as reason_code,
    coalesce(deciding.description, otherwise.description) as reason,
    deciding.evidence,
    {{ as_of() }} as checked_at
from contacts
inner join people
    on people.entity_id = contacts.entity_id
cross join otherwise
left join deciding
    on deciding.entity_id = contacts.entity_id and deciding.contact_key = contacts.contact_key
{% endmacro %}


{# Readers come by entity, by person, by contact point, or count verdicts. #}
{% macro verdict_indexes() %}
  {{ return([
    {'columns': ['entity_id', 'contact_key'], 'type': 'primary'},
    {'columns': ['person_id']},
    {'columns': ['contact']},
    {'columns': ['verdict', 'reason_code']},
  ]) }}
{% endmacro %}


{# An address as one line, "STREET, CITY, STATE ZIP"; the raw text where nothing was parsed. #}
{% macro one_line_address() -%}
  coalesce(nullif(concat_ws(', ',
      contacts.street, contacts.city, nullif(concat_ws(' ', contacts.state, contacts.zip), '')), ''),
      contacts.address_raw)
{%- endmacro %}
