select
    places,
    channel,
    opens_at,
    closes_at
from {{ source('canonical', 'calling_windows') }}
