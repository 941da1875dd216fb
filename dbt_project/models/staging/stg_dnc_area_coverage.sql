select
    source,
    area_code,
    version_id,
    obtained_at,
    numbers,
    is_current
from {{ source('canonical', 'dnc_area_coverage') }}
