select
    id as touchpoint_id,
    person_id,
    campaign_id,
    campaign_code,
    campaign_name,
    touchpoint_type as channel,
    touchpoint_date as touched_at,
    status,
    phone_e164,
    email_key,
    source,
    metadata,
    import_id,
    `row_number`
from {{ source('canonical', 'touchpoints') }}
