{#
  What speaks against contact points: rows of (entity_id, contact_key, channel, reason_code, starts_at, ends_at,
  evidence), half-open intervals (docs/adr/0032). `contacts`: model of contact points, `kind` and `key` as opt-outs and
  facts know them. Which finding counts for which purpose, and which comes first, is compliance_rules.
#}

{# Facts about a person, whatever names them: where one entity alone has the contact point named, they reach all others. #}
{% macro facts_of_persons() -%} ('privacy_deletion', 'deceased', 'mail_suppression', 'relationship') {%- endmacro %}

{# Facts that reach all contact points of everybody who has the one named, or whom we knew it to be. #}
{% macro facts_of_every_holder() -%} ('opt_out_suspected', 'suspicion_cleared') {%- endmacro %}

{# The beginning of what always was. #}
{% macro always() -%} cast('1000-01-01' as datetime(6)) {%- endmacro %}

{# Later than anything: stands for no end where ends are compared. #}
{% macro end_of_time() -%} cast('9999-12-31' as datetime(6)) {%- endmacro %}

{# Never: the end of what has none. #}
{% macro never() -%} cast(null as datetime(6)) {%- endmacro %}


{# The earlier of an end and of the day before which a dated row was in force; null where neither ends. #}
{% macro earlier_end(ends_at, effective_until) -%}
  coalesce(
        least({{ ends_at }}, cast({{ effective_until }} as datetime(6))), {{ ends_at }},
        cast({{ effective_until }} as datetime(6))
    )
{%- endmacro %}


{#
  When a contact point consented again on a channel after a request: the only thing that lifts one, and for it alone. A
  request of 00:00 sharp is of a day, nobody knows when: only a later day's consent is later.
#}
{% macro consented_again(contacts, channel, asked_at) -%}
  (
        select min(again.starts_at)
        from {{ ref('int_entity_facts') }} as again
        where again.entity_id = {{ contacts }}.entity_id
            and again.fact = 'reconsent'
            and again.contact_key = {{ contacts }}.contact_key
            and again.channel in ({{ channel }}, 'all')
            and again.starts_at > {{ asked_at }}
            and {{ asked_at }} <> date(again.starts_at)
    )
{%- endmacro %}


{# What people asked for: opt_out_contact, opt_out_person, opt_out_shared. #}
{% macro opt_out_findings(contacts, kind, key, channels) %}
select
    contacts.entity_id,
    contacts.contact_key,
    asked.channel,
    'opt_out_contact' as reason_code,
    asked.opted_out_at as starts_at,
    {{ consented_again('contacts', 'asked.channel', 'asked.opted_out_at') }} as ends_at,
    asked.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_opt_outs_by_channel') }} as asked
    on asked.{{ {'phone': 'phone_e164', 'email': 'email_key', 'address': 'address_key'}[kind] }} = contacts.{{ key }}
where asked.channel in {{ channels }} and {{ of_changed('contacts.entity_id') }}
union all
select
    contacts.entity_id,
    contacts.contact_key,
    asked.channel,
    case when asked.is_certain = 1 then 'opt_out_person' else 'opt_out_shared' end,
    asked.starts_at,
    {{ consented_again('contacts', 'asked.channel', 'asked.starts_at') }},
    asked.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_entity_opt_outs') }} as asked
    on asked.entity_id = contacts.entity_id and asked.channel in {{ channels }}
where {{ of_changed('contacts.entity_id') }}
{% endmacro %}


{#
  Facts that block by themselves. About a person they hold for all its contact points; about one contact point for that
  one only, except a message that reads like an opt-out, which holds the whole entity until somebody has looked.
  `reasons`: fact -> reason code.
#}
{% macro fact_findings(contacts, reasons, channels) %}
select
    contacts.entity_id,
    contacts.contact_key,
    case when facts.channel in {{ channels }} then facts.channel else 'all' end as channel,
    case facts.fact
        {%- for fact, reason in reasons.items() %}
        when '{{ fact }}' then '{{ reason }}'
        {%- endfor %}
    end as reason_code,
    facts.starts_at,
    case facts.fact
        when 'opt_out_suspected' then (
            select min(cleared.starts_at)
            from {{ ref('int_entity_facts') }} as cleared
            where cleared.entity_id = facts.entity_id
                and cleared.fact = 'suspicion_cleared'
                and cleared.contact_kind = facts.contact_kind
                and cleared.named_key = facts.named_key
                and cleared.channel in (facts.channel, 'all')
                and cleared.starts_at > facts.starts_at
        )
        when 'reassigned' then (
            select min(later.starts_at)
            from {{ ref('int_entity_facts') }} as later
            where later.entity_id = facts.entity_id
                and later.fact = 'reassigned'
                and later.value = 'no'
                and later.contact_key <=> facts.contact_key
                and later.starts_at > facts.starts_at
        )
        else facts.ends_at
    end as ends_at,
    facts.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_entity_facts') }} as facts
    on facts.entity_id = contacts.entity_id
    and (facts.contact_key is null or facts.contact_key = contacts.contact_key or facts.fact = 'opt_out_suspected')
where facts.fact in ('{{ reasons.keys() | join("', '") }}')
    and (facts.fact <> 'reassigned' or (facts.value = 'yes' and facts.contact_key is not null))
    and facts.channel in {{ channels[:-1] }}, 'all')
    and {{ of_changed('contacts.entity_id') }}
{% endmacro %}


{# Whether the row of another entity says that a number is mobile. #}
{% macro mobile_elsewhere(phones) -%}
  exists (
        select 1
        from {{ ref('int_entity_phones') }} as others
        where others.phone_e164 = {{ phones }}.phone_e164 and others.phone_type = 'mobile'
    )
{%- endmacro %}


{# A contact point carried by too many surnames: whom one would reach is not known. #}
{% macro shared_contact_findings(contacts, kind, key) %}
select
    contacts.entity_id,
    contacts.contact_key,
    'all' as channel,
    'shared_contact' as reason_code,
    {{ always() }} as starts_at,
    {{ never() }} as ends_at,
    concat('shared_contacts: ', shared.surnames, ' surnames') as evidence
from {{ contacts }} as contacts
inner join {{ ref('stg_shared_contacts') }} as shared
    on shared.kind = '{{ kind }}' and shared.contact_key = contacts.{{ key }}
where {{ of_changed('contacts.entity_id') }}
{% endmacro %}


{# Own and state caps, and pauses. `has_area`: whether the contact points are phones, whose area code says where too. #}
{% macro frequency_findings(contacts, channels, has_area) %}
select
    contacts.entity_id,
    contacts.contact_key,
    capped.channel,
    'frequency_cap' as reason_code,
    capped.starts_at,
    capped.ends_at,
    capped.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_frequency_findings') }} as capped
    on capped.entity_id = contacts.entity_id and capped.channel in {{ channels }}
    and capped.contact in ('', contacts.{{ 'phone_e164' if has_area else 'contact_key' }})
left join {{ ref('int_entity_places') }} as homes
    on homes.entity_id = contacts.entity_id
left join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('contacts') if has_area else 'null' }}
where (capped.state is null or {{ may_be_in('capped.state') }})
    and {{ of_changed('contacts.entity_id') }}
union all
select
    contacts.entity_id,
    contacts.contact_key,
    coalesce(nullif(paused.channel, ''), 'all'),
    'paused',
    paused.starts_at,
    paused.ends_at,
    concat('frequency_pauses: ', paused.reason)
from {{ contacts }} as contacts
inner join {{ ref('frequency_pauses') }} as paused
    on coalesce(nullif(paused.channel, ''), 'all') in {{ channels[:-1] }}, 'all')
    and lower(coalesce(paused.campaign, '')) in ('', 'all')
left join {{ ref('int_entity_places') }} as homes
    on homes.entity_id = contacts.entity_id
left join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('contacts') if has_area else 'null' }}
where (coalesce(paused.state, '') = '' or {{ may_be_in('paused.state') }})
    and {{ of_changed('contacts.entity_id') }}
{% endmacro %}


{# The area code of a number of the North American numbering plan; null for others. #}
{% macro area_code_of(contacts) -%}
  case when {{ contacts }}.phone_e164 like '+1__________' then substring({{ contacts }}.phone_e164, 3, 3) end
{%- endmacro %}


{#
  Whether a contact point may be in a state, by the `places` of int_entity_places (as `homes`) and of int_area_codes (as
  `codes`). None known, or more than a key holds (`??`), is everywhere but in the far Pacific.
#}
{% macro may_be_in(state) -%}
  {%- set places = "concat_ws('|', homes.places, codes.places)" -%}
  (
        locate(concat({{ state }}, '@'), {{ places }}) > 0
        or (
            ({{ places }} = '' or homes.places = '??')
            and concat({{ state }}, '@') not regexp '{{ far_states() }}'
        )
    )
{%- endmacro %}


{# Whether a touchpoint is a contact that we made or tried to make: not what only happened in the CRM, or came to us. #}
{% macro made_by_us(touchpoints) -%}
  {{ touchpoints }}.channel <> 'crm'
    and coalesce(json_unquote(json_extract({{ touchpoints }}.metadata, '$.direction')), 'outbound') <> 'inbound'
    and coalesce({{ touchpoints }}.status, '') not in (
        'failed', 'bounced', 'undelivered', 'cancelled', 'canceled', 'skipped'
    )
{%- endmacro %}


{# How a touchpoint's campaign is called. #}
{% macro campaign_of(touchpoints, campaigns) -%}
  coalesce(
        {{ campaigns }}.code, {{ touchpoints }}.campaign_code, {{ campaigns }}.name, {{ touchpoints }}.campaign_name
    )
{%- endmacro %}
