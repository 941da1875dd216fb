{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "fact"]}]) }}

-- Facts about contact points and persons, and the entities they are about. `contact_key` is null where the fact reaches
-- every contact point: it names the person, or it is of a kind that is about persons (facts_of_persons) and only one
-- entity has the contact point it names. What holds somebody back stays with the person whom we knew it to be when it
-- came, whoever has the contact point now; a relationship, which permits, goes with the contact point.
{%- set contact_points = [
    ('phone', 'int_entity_phones', 'phone_e164'), ('email', 'int_entity_emails', 'contact_key'),
    ('address', 'int_entity_addresses', 'contact_key')
] %}
with facts as (

    select * from {{ ref('stg_contact_facts') }}

),

holders as (
    {% for kind, contacts, key in contact_points %}
    select facts.fact_id, contacts.entity_id, contacts.contact_key
    from {{ ref(contacts) }} as contacts
    inner join facts
        on facts.contact_kind = '{{ kind }}' and facts.contact_key = contacts.{{ key }}
    where {{ of_changed('contacts.entity_id') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

about_persons as (

    select distinct holders.fact_id, facts.contact_kind, facts.contact_key
    from holders
    inner join facts
        on facts.fact_id = holders.fact_id and facts.fact in {{ facts_of_persons() }}

),

-- All who hold what those name, of this build or not.
everybody as (
    {% for kind, contacts, key in contact_points %}
    select about_persons.fact_id, contacts.entity_id
    from about_persons
    inner join {{ ref(contacts) }} as contacts
        on contacts.{{ key }} = about_persons.contact_key
    where about_persons.contact_kind = '{{ kind }}'
    {%- if not loop.last %}
    union distinct
    {%- endif %}
    {%- endfor %}

),

alone as (

    select fact_id, min(entity_id) as entity_id
    from everybody
    group by fact_id
    having count(distinct entity_id) = 1

),

held as (

    select fact_id, entity_id, contact_key from holders
    union distinct
    select fact_id, entity_id, null from alone
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
        and (
            facts.contact_kind = 'person'
            or (
                facts.fact <> 'relationship'
                and (
                    facts.contact_kind not in ('phone', 'email', 'address')
                    or facts.fact in {{ facts_of_persons() }}
                    or facts.fact in {{ facts_of_every_holder() }}
                )
            )
        )
    where {{ of_changed('persons.entity_id') }}

)

select
    held.entity_id,
    held.contact_key,
    facts.fact_id,
    facts.contact_kind,
    facts.contact_key as named_key,
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
