{{ config(materialized='view') }}

-- Which value of each field survives in a golden record, and from which member and import it comes. Nothing is stored:
-- the rules are those of the models it reads, and changing one of them changes the answer without merging anything
-- anew.
with people as (

    select * from {{ ref('int_golden_persons') }}

),

members as (

    select * from {{ ref('stg_persons') }}

)

select
    people.entity_id,
    {{ as_text("'name'") }} as field,
    {{ as_text("people.display_name") }} as value,
    people.name_person_id as person_id,
    {{ as_text("names.last_import_id") }} as import_id,
    names.name_source_date as source_date
from people
inner join members as names
    on names.person_id = people.name_person_id
where people.display_name is not null
union all
select
    people.entity_id,
    {{ as_text("'date_of_birth'") }} as field,
    {{ as_text("people.date_of_birth") }} as value,
    people.birth_person_id as person_id,
    {{ as_text("births.last_import_id") }} as import_id,
    births.birth_source_date as source_date
from people
inner join members as births
    on births.person_id = people.birth_person_id
where people.date_of_birth is not null
{%- for field, model, value in [
    ("phone", "int_entity_phones", "coalesce(phone_e164, phone_raw)"),
    ("email", "int_entity_emails", "coalesce(email, email_raw)"),
    ("address", "int_entity_addresses", "coalesce(concat_ws(', ', street, city, concat_ws(' ', state, zip)), address_raw)"),
] %}
union all
select
    entity_id,
    {{ as_text("'" ~ field ~ "'") }} as field,
    {{ as_text(value) }} as value,
    person_id,
    {{ as_text("import_id") }} as import_id,
    source_date
from {{ ref(model) }}
where is_primary
{%- endfor %}
