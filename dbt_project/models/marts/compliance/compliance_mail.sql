{{ config(materialized='by_entity', indexes=verdict_indexes()) }}

{{ verdicts('mail', ref('int_entity_addresses'),
    contact=one_line_address(), extra=['care_of', 'street', 'city', 'state', 'zip', 'zip4', 'county', 'address_type']) }}
