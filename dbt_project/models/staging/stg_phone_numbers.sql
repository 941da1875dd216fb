select
    id as phone_id,
    person_id,
    phone_key,
    phone_raw,
    phone_e164,
    extension,
    phone_type,
    region,
    invalid_reason,
    is_primary,
    is_verified,
    source_date,
    first_import_id,
    last_import_id
from {{ source('canonical', 'phone_numbers') }}
