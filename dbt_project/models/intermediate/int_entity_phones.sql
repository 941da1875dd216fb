{{ config(indexes=[{"columns": ["entity_id", "contact_key"], "type": "primary"}, {"columns": ["phone_e164"]}]) }}

-- Distinct contact points of an entity over all its members. Of several copies the newest speaks,
-- one that knows the line type before one that does not.
with held as (

    select
        persons.entity_id,
        persons.is_original,
        contacts.*
    from {{ ref('stg_phone_numbers') }} as contacts
    inner join {{ ref('stg_persons') }} as persons
        on persons.person_id = contacts.person_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by entity_id, phone_key
            order by phone_type is not null desc, source_date desc, is_original desc, phone_id
        ) as copy_rank,
        max(source_date) over (partition by entity_id, phone_key) as newest_source_date,
        max(is_primary) over (partition by entity_id, phone_key) as was_primary,
        max(is_verified) over (partition by entity_id, phone_key) as any_verified,
        count(*) over (partition by entity_id, phone_key) as holders
    from held

),

distinct_contacts as (

    select * from ranked where copy_rank = 1

)

select
    entity_id,
    phone_key as contact_key,
    phone_raw,
    phone_e164,
    extension,
    phone_type,
    region,
    invalid_reason,
    any_verified as is_verified,
    holders,
    person_id,
    last_import_id as import_id,
    newest_source_date as source_date,
    row_number() over (
        partition by entity_id
        order by phone_e164 is null, newest_source_date desc, was_primary desc, any_verified desc, phone_key
    ) = 1 as is_primary
from distinct_contacts
