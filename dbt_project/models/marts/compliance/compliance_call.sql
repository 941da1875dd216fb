{{ config(materialized='by_entity', indexes=verdict_indexes()) }}

{{ verdicts('call', ref('int_entity_phones'), is_phone=True,
    contact='coalesce(contacts.phone_e164, contacts.contact_key)', extra=['extension', 'phone_type']) }}
