{{ config(indexes=[{"columns": ["area_code"], "type": "primary"}]) }}

-- Area codes of which we hold a do-not-call list: those that any loaded number has.
with listings as (

    select * from {{ ref('stg_dnc_registry') }} where phone_e164 like '+1%'

)

select
    substring(phone_e164, 3, 3) as area_code,
    count(*) as numbers,
    max(last_import_id) as last_import_id
from listings
group by substring(phone_e164, 3, 3)
