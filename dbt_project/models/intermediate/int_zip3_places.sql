{{ config(indexes=[{"columns": ["zip3"], "type": "primary"}]) }}

-- States and time zones of the ZIP codes with the same first three digits.
select
    zip3,
    group_concat(distinct concat(state, '@', zone) order by concat(state, '@', zone) separator '|') as places
from {{ ref('zip3_places') }}
group by zip3
