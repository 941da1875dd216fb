{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id"], "type": "primary"}, {"columns": ["household_id"]}, {"columns": ["state", "county"]}, {"columns": ["zip"]}]) }}

-- Golden persons with an address that may be mailed: the primary one if it is allowed, else the newest allowed.
with allowed as (

    select
        mail.*,
        row_number() over (
            partition by mail.entity_id
            order by mail.is_primary desc, addresses.source_date desc, mail.contact_key
        ) as choice
    from {{ ref('compliance_mail') }} as mail
    inner join {{ ref('int_entity_addresses') }} as addresses
        on addresses.entity_id = mail.entity_id and addresses.contact_key = mail.contact_key
    where mail.verdict = 'allowed' and {{ of_changed('mail.entity_id') }}

),

people as (

    select * from {{ ref('int_golden_persons') }} where {{ of_changed('entity_id') }}

)

select
    people.entity_id,
    coalesce(households.household_id, people.entity_id) as household_id,
    people.person_id,
    people.entity_type,
    people.display_name,
    people.first_name,
    people.last_name,
    people.organization_name,
    allowed.care_of,
    allowed.street,
    allowed.city,
    allowed.state,
    allowed.zip,
    allowed.zip4,
    allowed.county,
    allowed.checked_at
from people
inner join allowed
    on allowed.entity_id = people.entity_id and allowed.choice = 1
left join {{ ref('stg_households') }} as households
    on households.entity_id = people.entity_id
