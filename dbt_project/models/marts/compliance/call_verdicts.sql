{{ config(indexes=verdict_indexes()) }}

{{ verdicts('call', ref('int_entity_phones'), ref('int_call_findings'),
    contact='coalesce(contacts.phone_e164, contacts.contact_key)', extra=['extension', 'phone_type']) }}
