{{ config(materialized='view') }}

-- Everything that speaks against mailing an address; which of it counts, and in which order, is compliance_rules.
{%- set addresses = ref('int_entity_addresses') %}
select entity_id, contact_key, 'invalid_contact' as reason_code,
    concat('addresses: ', invalid_reason) as evidence
from {{ addresses }}
where invalid_reason is not null
union all
select entity_id, contact_key, 'incomplete_address' as reason_code,
    concat('addresses: no ', concat_ws(', no ',
        case when street is null then 'street' end,
        case when zip is null and (city is null or state is null) then 'ZIP or city and state' end)) as evidence
from {{ addresses }}
where street is null or (zip is null and (city is null or state is null))
union all
{{ opt_out_findings(addresses, 'address', 'contact_key', 'mail') }}
