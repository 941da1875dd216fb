{{ config(indexes=verdict_indexes()) }}

{{ verdicts('mail', ref('int_entity_addresses'), ref('int_mail_findings'),
    contact=one_line_address(), extra=['care_of', 'street', 'city', 'state', 'zip', 'zip4', 'county', 'address_type']) }}
