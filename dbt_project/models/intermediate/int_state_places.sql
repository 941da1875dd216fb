{{ config(indexes=[{"columns": ["state"], "type": "primary"}]) }}

-- Every time zone of a state.
select
    state,
    group_concat(distinct concat(state, '@', zone) order by concat(state, '@', zone) separator '|') as places
from {{ ref('state_zones') }}
group by state
