select
    id as campaign_id,
    code,
    name,
    type as channel,
    start_date,
    end_date
from {{ source('canonical', 'campaigns') }}
