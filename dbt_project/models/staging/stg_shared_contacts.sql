select
    kind,
    contact_key,
    surnames
from {{ source('canonical', 'shared_contacts') }}
