{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id"], "type": "primary"},
    {"columns": ["household_id"]},
    {"columns": ["state", "county"]},
    {"columns": ["zip"]},
]) }}

-- Golden persons with an address that may be mailed: the primary one if it is allowed, else the newest allowed.
with chosen as (

    select
        people.*,
        case
            when best.verdict = 'allowed' then best.contact_key
            when best.entity_id is not null then (
                select mail.contact_key
                from {{ ref('compliance_mail') }} as mail
                inner join {{ ref('int_entity_addresses') }} as addresses
                    on addresses.entity_id = mail.entity_id and addresses.contact_key = mail.contact_key
                where mail.entity_id = people.entity_id and mail.verdict = 'allowed'
                order by addresses.source_date desc, mail.contact_key
                limit 1
            )
        end as contact_key
    from {{ ref('int_golden_persons') }} as people
    left join {{ ref('compliance_mail') }} as best
        on best.entity_id = people.entity_id and best.is_primary = 1
    where {{ of_changed('people.entity_id') }}

)

select
    chosen.entity_id,
    coalesce(households.household_id, chosen.entity_id) as household_id,
    chosen.person_id,
    chosen.entity_type,
    chosen.display_name,
    chosen.first_name,
    chosen.last_name,
    chosen.organization_name,
    mail.care_of,
    mail.street,
    mail.city,
    mail.state,
    mail.zip,
    mail.zip4,
    mail.county,
    mail.checked_at
from chosen
inner join {{ ref('compliance_mail') }} as mail
    on mail.entity_id = chosen.entity_id and mail.contact_key = chosen.contact_key
left join {{ ref('stg_households') }} as households
    on households.entity_id = chosen.entity_id
