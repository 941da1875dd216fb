{{ config(materialized='view') }}

-- Everything that speaks against texting a number; which of it counts, and in which order, is compliance_rules.
{{ phone_findings('sms', other_channel='call') }}
union all
select entity_id, contact_key, 'not_textable' as reason_code,
    case
        when extension is not null then concat('phone_numbers: extension ', extension)
        else concat('phone_numbers: phone_type ', phone_type)
    end as evidence
from {{ ref('int_entity_phones') }}
where extension is not null or phone_type = 'landline'
union all
select entity_id, contact_key, 'line_type_unknown' as reason_code, 'phone_numbers: no phone_type' as evidence
from {{ ref('int_entity_phones') }}
where phone_e164 is not null and phone_type is null
