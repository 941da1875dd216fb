{{ config(indexes=[{"columns": ["places", "place"], "type": "primary"}]) }}

-- The single places, `STATE@zone`, of each combination that contact points have. `??` is every place of the
-- US but those in the far Pacific, beside which no hour would ever be open everywhere.
with pairs as (

    select concat(state, '@', zone) as place, 1 as is_us from {{ ref('state_zones') }}
    union distinct
    select concat(state, '@', zone), 0 from {{ ref('zip3_places') }}
    union distinct
    select concat(state, '@', zone), 0 from {{ ref('area_code_places') }} where state <> '' and zone <> ''

),

places as (

    select distinct places from {{ ref('int_entity_places') }} where places <> '??'
    union distinct
    select distinct places from {{ ref('int_area_codes') }} where places is not null

)

select distinct places.places, pairs.place
from places
inner join pairs
    on find_in_set(pairs.place, replace(places.places, '|', ',')) > 0
union distinct
select '??', place
from pairs
where is_us = 1 and place not regexp '{{ far_states() }}'
