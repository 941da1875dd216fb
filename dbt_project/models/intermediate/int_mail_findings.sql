{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "contact_key"]}]) }}

-- Everything that speaks against mailing an address; which of it counts, and in which order, is compliance_rules.
{%- set addresses = ref('int_entity_addresses') %}
{%- set channels = "('mail')" %}
select entity_id, contact_key, 'mail' as channel, 'invalid_contact' as reason_code,
    {{ always() }} as starts_at, {{ never() }} as ends_at,
    concat('addresses: ', invalid_reason) as evidence
from {{ addresses }}
where invalid_reason is not null and {{ of_changed('entity_id') }}
union all
select entity_id, contact_key, 'mail', 'incomplete_address', {{ always() }}, {{ never() }},
    concat('addresses: no ', concat_ws(', no ',
        case when street is null then 'street' end,
        case when zip is null and (city is null or state is null) then 'ZIP or city and state' end))
from {{ addresses }}
where (street is null or (zip is null and (city is null or state is null))) and {{ of_changed('entity_id') }}
union all
{{ opt_out_findings(addresses, 'address', 'contact_key', channels) }}
union all
{{ fact_findings(addresses, {
    'privacy_deletion': 'privacy_deleted', 'deceased': 'deceased', 'mail_suppression': 'mail_suppression',
    'opt_out_suspected': 'opt_out_suspected'
}, channels) }}
union all
{{ frequency_findings(addresses, channels, False) }}
