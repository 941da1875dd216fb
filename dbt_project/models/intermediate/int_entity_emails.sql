{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact_key"], "type": "primary"},
    {"columns": ["contact_key"]},
]) }}

{{ entity_contacts('stg_email_addresses', 'email_key', 'email_id',
    columns=['email_raw', 'email', 'invalid_reason'], valid='contacts.email is not null', flags=['is_verified']) }}
