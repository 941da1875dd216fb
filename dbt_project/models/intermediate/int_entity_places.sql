{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id"], "type": "primary"}, {"columns": ["places"]}]) }}

-- Where the people of an entity may be by their addresses: states and time zones of each ZIP code, and of the state
-- where the ZIP code is missing or lies in another one. `??` is any place: too many to tell apart.
with of_addresses as (

    select
        addresses.entity_id,
        case
            when zips.places is null then states.places
            when states.places is null or locate(concat(addresses.state, '@'), zips.places) > 0 then zips.places
            else concat(zips.places, '|', states.places)
        end as places
    from {{ ref('int_entity_addresses') }} as addresses
    left join {{ ref('int_zip3_places') }} as zips
        on zips.zip3 = left(addresses.zip, 3)
    left join {{ ref('int_state_places') }} as states
        on states.state = addresses.state
    where {{ of_changed('addresses.entity_id') }}

),

merged as (

    select
        entity_id,
        case
            when min(places) = max(places) then min(places)
            else group_concat(distinct places order by places separator '|')
        end as places
    from of_addresses
    where places is not null
    group by entity_id

)

select
    entity_id,
    case when char_length(places) > 255 then '??' else places end as places
from merged
