{# Findings that calls and texts have in common. `other_channel` is the channel a revoke-all would also cover. #}
{% macro phone_findings(channel, other_channel) %}
{%- set phones = ref('int_entity_phones') -%}
select entity_id, contact_key, 'invalid_contact' as reason_code,
    concat('phone_numbers: ', coalesce(invalid_reason, 'no E.164 form')) as evidence
from {{ phones }}
where phone_e164 is null
union all
{{ opt_out_findings(phones, 'phone', 'phone_e164', channel) }}
union all
select phones.entity_id, phones.contact_key, 'opt_out_other_channel' as reason_code, asked.evidence
from {{ phones }} as phones
inner join {{ ref('int_contact_opt_outs') }} as asked
    on asked.contact_kind = 'phone' and asked.contact_key = phones.phone_e164 and asked.channel = '{{ other_channel }}'
union all
select phones.entity_id, phones.contact_key, 'opt_out_other_channel' as reason_code, asked.evidence
from {{ phones }} as phones
inner join {{ ref('int_entity_opt_outs') }} as asked
    on asked.entity_id = phones.entity_id and asked.channel = '{{ other_channel }}' and asked.is_certain = 1
union all
select phones.entity_id, phones.contact_key, 'dnc_listed' as reason_code,
    concat(
        'dnc_registry: ', listings.source, ' list', coalesce(concat(', listed ', listings.listing_date), ''),
        ', ', listings.last_import_id
    ) as evidence
from {{ phones }} as phones
inner join {{ ref('stg_dnc_registry') }} as listings
    on listings.phone_e164 = phones.phone_e164
union all
select phones.entity_id, phones.contact_key, 'dnc_area_not_held' as reason_code,
    concat('dnc_registry: no list for area code ', substring(phones.phone_e164, 3, 3)) as evidence
from {{ phones }} as phones
left join {{ ref('int_dnc_area_codes') }} as held
    on held.area_code = substring(phones.phone_e164, 3, 3)
where phones.phone_e164 like '+1%' and held.area_code is null
union all
select entity_id, contact_key, 'outside_us' as reason_code,
    concat('phone_numbers: region ', coalesce(region, 'unknown')) as evidence
from {{ phones }}
where phone_e164 not like '+1%' or region not in ('US', 'PR', 'GU', 'VI', 'AS', 'MP')
union all
select entity_id, contact_key, 'fax_number' as reason_code, 'phone_numbers: phone_type fax' as evidence
from {{ phones }}
where phone_type = 'fax'
union all
select phones.entity_id, phones.contact_key,
    case when people.has_estate_member = 1 then 'estate_hold' else 'trust_hold' end as reason_code,
    concat('persons: a member of entity ', people.entity_id, ' is ',
        case when people.has_estate_member = 1 then 'an estate' else 'a trust' end) as evidence
from {{ phones }} as phones
inner join {{ ref('int_golden_persons') }} as people
    on people.entity_id = phones.entity_id
where people.has_estate_member = 1 or people.has_trust_member = 1
union all
{{ shared_contact_findings(phones, 'phone', 'phone_e164') }}
{% endmacro %}


{# A contact point carried by too many surnames: whom one would reach is not known. #}
{% macro shared_contact_findings(contacts, kind, key) %}
select contacts.entity_id, contacts.contact_key, 'shared_contact' as reason_code,
    concat('shared_contacts: ', shared.surnames, ' surnames') as evidence
from {{ contacts }} as contacts
inner join {{ ref('stg_shared_contacts') }} as shared
    on shared.kind = '{{ kind }}' and shared.contact_key = contacts.{{ key }}
{% endmacro %}
