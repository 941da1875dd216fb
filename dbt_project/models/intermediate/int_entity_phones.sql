{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact_key"], "type": "primary"},
    {"columns": ["phone_e164"]},
]) }}

-- Of several copies one that knows the line type speaks before one that does not.
{{ entity_contacts('stg_phone_numbers', 'phone_key', 'phone_id',
    columns=['phone_raw', 'phone_e164', 'extension', 'phone_type', 'region', 'invalid_reason'],
    valid='contacts.phone_e164 is not null', flags=['is_verified'],
    speaks_first='contacts.phone_type is not null') }}
