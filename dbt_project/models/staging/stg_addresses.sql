select
    id as address_id,
    person_id,
    address_key,
    address_raw,
    care_of,
    street,
    city,
    state,
    zip,
    zip4,
    county,
    address_type,
    invalid_reason,
    is_primary,
    source_date,
    first_import_id,
    last_import_id
from {{ source('canonical', 'addresses') }}
