select
    id as fact_id,
    fact,
    contact_kind,
    contact_key,
    person_id,
    channel,
    value,
    starts_at,
    ends_at,
    reason,
    source,
    recorded_by,
    import_id,
    `row_number`,
    created_at
from {{ source('canonical', 'contact_facts') }}
