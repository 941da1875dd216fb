{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact_key"], "type": "primary"},
    {"columns": ["contact_key"]},
]) }}

{{ entity_contacts('stg_addresses', 'address_key', 'address_id',
    columns=['address_raw', 'care_of', 'street', 'city', 'state', 'zip', 'zip4', 'county', 'address_type',
        'invalid_reason'],
    valid='contacts.street is not null') }}
