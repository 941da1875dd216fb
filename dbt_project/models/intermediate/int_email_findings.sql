{{ config(materialized='view') }}

-- Everything that speaks against e-mailing an address; which of it counts, and in which order, is compliance_rules.
{%- set emails = ref('int_entity_emails') %}
select entity_id, contact_key, 'invalid_contact' as reason_code,
    concat('email_addresses: ', coalesce(invalid_reason, 'no normal form')) as evidence
from {{ emails }}
where email is null
union all
{{ opt_out_findings(emails, 'email', 'contact_key', 'email') }}
union all
{{ shared_contact_findings(emails, 'email', 'contact_key') }}
