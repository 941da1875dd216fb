{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "fact"]}]) }}

-- Facts about contact points and persons, and the entities they are about. `contact_key` is null where the fact is about
-- the person, so about every contact point it has.
with facts as (

    select * from {{ ref('stg_contact_facts') }}

),

held as (

    select facts.fact_id, phones.entity_id, phones.contact_key
    from {{ ref('int_entity_phones') }} as phones
    inner join facts
        on facts.contact_kind = 'phone' and facts.contact_key = phones.phone_e164
    where {{ of_changed('phones.entity_id') }}
    union all
    select facts.fact_id, emails.entity_id, emails.contact_key
    from {{ ref('int_entity_emails') }} as emails
    inner join facts
        on facts.contact_kind = 'email' and facts.contact_key = emails.contact_key
    where {{ of_changed('emails.entity_id') }}
    union all
    select facts.fact_id, addresses.entity_id, addresses.contact_key
    from {{ ref('int_entity_addresses') }} as addresses
    inner join facts
        on facts.contact_kind = 'address' and facts.contact_key = addresses.contact_key
    where {{ of_changed('addresses.entity_id') }}
    union distinct
    select facts.fact_id, persons.entity_id, null
    from {{ ref('stg_persons') }} as persons
    inner join {{ ref('stg_addresses') }} as addresses
        on addresses.person_id = persons.person_id
    inner join facts
        on facts.contact_kind = 'name_zip' and facts.contact_key = addresses.name_zip_key
    where {{ of_changed('persons.entity_id') }}
    union distinct
    select facts.fact_id, persons.entity_id, null
    from {{ ref('stg_persons') }} as persons
    inner join facts
        on facts.person_id = persons.person_id
    where {{ of_changed('persons.entity_id') }}

)

select
    held.entity_id,
    held.contact_key,
    facts.fact_id,
    facts.contact_kind,
    facts.fact,
    facts.channel,
    facts.value,
    facts.starts_at,
    facts.ends_at,
    concat(
        'contact_facts ', facts.fact_id, ': ', facts.fact, coalesce(concat(' ', facts.value), ''), ' since ',
        date(facts.starts_at), ', source ', facts.source,
        coalesce(concat(', ', facts.import_id, ' row ', facts.`row_number`), '')
    ) as evidence
from held
inner join facts
    on facts.fact_id = held.fact_id
