{{ config(materialized='view') }}

-- Combinations of places in all of which it is lawful to call or text at this moment. `utc_timestamp()` follows
-- `set timestamp`.
select
    places.places,
    channels.channel
from {{ ref('int_calling_places') }} as places
inner join (
    select 'call' as channel
    union all
    select 'sms'
) as channels
    on 1 = 1
left join {{ ref('stg_calling_windows') }} as windows
    on windows.places = places.place
    and windows.channel = channels.channel
    and windows.opens_at <= utc_timestamp(6)
    and windows.closes_at > utc_timestamp(6)
group by places.places, channels.channel
having count(distinct places.place) = count(distinct windows.places)
