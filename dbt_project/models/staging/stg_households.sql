select
    entity_id,
    household_id,
    reason
from {{ source('canonical', 'households') }}
