select
    id as email_id,
    person_id,
    email_key,
    email_raw,
    email,
    invalid_reason,
    is_primary,
    is_verified,
    source_date,
    first_import_id,
    last_import_id
from {{ source('canonical', 'email_addresses') }}
