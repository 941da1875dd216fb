{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "contact_key"]}]) }}

-- Everything that speaks against e-mailing an address; which of it counts, and in which order, is compliance_rules.
{%- set emails = ref('int_entity_emails') %}
{%- set channels = "('email')" %}
select entity_id, contact_key, 'email' as channel, 'invalid_contact' as reason_code,
    {{ always() }} as starts_at, {{ never() }} as ends_at,
    concat('email_addresses: ', coalesce(invalid_reason, 'no normal form')) as evidence
from {{ emails }}
where email is null and {{ of_changed('entity_id') }}
union all
{{ opt_out_findings(emails, 'email', 'contact_key', channels) }}
union all
{{ fact_findings(emails, {
    'privacy_deletion': 'privacy_deleted', 'deceased': 'deceased', 'opt_out_suspected': 'opt_out_suspected'
}, channels) }}
union all
{{ shared_contact_findings(emails, 'email', 'contact_key') }}
union all
{{ frequency_findings(emails, channels, False) }}
