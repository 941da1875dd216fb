{{ config(materialized='by_entity', indexes=verdict_indexes()) }}

{{ verdicts('email', ref('int_entity_emails'),
    contact='coalesce(contacts.email, contacts.contact_key)', extra=['is_verified']) }}
