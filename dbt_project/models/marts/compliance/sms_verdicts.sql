{{ config(indexes=verdict_indexes()) }}

{{ verdicts('sms', ref('int_entity_phones'), ref('int_sms_findings'),
    contact='coalesce(contacts.phone_e164, contacts.contact_key)', extra=['extension', 'phone_type']) }}
