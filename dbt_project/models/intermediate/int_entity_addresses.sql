{{ config(indexes=[{"columns": ["entity_id", "contact_key"], "type": "primary"}, {"columns": ["contact_key"]}]) }}

-- Distinct contact points of an entity over all its members. Of several copies the newest speaks.
with held as (

    select
        persons.entity_id,
        persons.is_original,
        contacts.*
    from {{ ref('stg_addresses') }} as contacts
    inner join {{ ref('stg_persons') }} as persons
        on persons.person_id = contacts.person_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by entity_id, address_key
            order by source_date desc, is_original desc, address_id
        ) as copy_rank,
        max(source_date) over (partition by entity_id, address_key) as newest_source_date,
        max(is_primary) over (partition by entity_id, address_key) as was_primary,
        count(*) over (partition by entity_id, address_key) as holders
    from held

),

distinct_contacts as (

    select * from ranked where copy_rank = 1

)

select
    entity_id,
    address_key as contact_key,
    address_raw,
    care_of,
    street,
    city,
    state,
    zip,
    zip4,
    county,
    address_type,
    invalid_reason,
    holders,
    person_id,
    last_import_id as import_id,
    newest_source_date as source_date,
    row_number() over (
        partition by entity_id
        order by street is null, newest_source_date desc, was_primary desc, address_key
    ) = 1 as is_primary
from distinct_contacts
