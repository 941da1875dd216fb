select
    id as dnc_id,
    phone_e164,
    listing_date,
    source,
    first_import_id,
    last_import_id
from {{ source('canonical', 'dnc_registry') }}
