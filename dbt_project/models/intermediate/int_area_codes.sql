{{ config(indexes=[{"columns": ["area_code"], "type": "primary"}]) }}

-- What an area code says about the place: geographic ones have states and time zones.
select
    area_code,
    max(kind) as kind,
    max(country) as country,
    group_concat(
        distinct case when state <> '' and zone <> '' then concat(state, '@', zone) end
        order by concat(state, '@', zone) separator '|'
    ) as places
from {{ ref('area_code_places') }}
group by area_code
