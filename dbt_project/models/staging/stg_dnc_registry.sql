select
    id as dnc_id,
    phone_e164,
    listing_date,
    source,
    listed_from,
    removed_at,
    first_import_id,
    last_import_id
from {{ source('canonical', 'dnc_registry') }}
