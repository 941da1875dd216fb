{#
  Distinct contact points of an entity over all its members. Of several copies the newest speaks; of several contact
  points the newest valid one is to be used first. Only entities with several rows are ranked: sorting is what costs
  here, and most entities have one.

  `contacts`: staging model; `key`, `id`: its key and primary key; `columns`: what the model takes from the copy that
  speaks; `valid`: condition of a usable one; `flags`: columns that hold if any copy has them; `speaks_first`: condition
  of copies that speak before newer ones.
#}
{% macro entity_contacts(contacts, key, id, columns, valid, flags=[], speaks_first='0') %}
with several as (

    select persons.entity_id
    from {{ ref(contacts) }} as contacts
    inner join {{ ref('stg_persons') }} as persons
        on persons.person_id = contacts.person_id
    where {{ of_changed('persons.entity_id') }}
    group by persons.entity_id
    having count(*) > 1

),

-- Narrow rows: what the copies are ranked by. Keys are long texts, which temporary tables hold at their full width: a
-- hash stands for each, or a million rows would not fit into memory.
held as (

    select
        persons.entity_id,
        persons.is_original,
        contacts.{{ id }},
        unhex(left(sha2(contacts.{{ key }}, 256), 32)) as key_hash,
        contacts.source_date,
        contacts.is_primary,
        {%- for flag in flags %}
        contacts.{{ flag }},
        {%- endfor %}
        {{ speaks_first }} as speaks_first,
        {{ valid }} as is_valid
    from several
    inner join {{ ref('stg_persons') }} as persons
        on persons.entity_id = several.entity_id
    inner join {{ ref(contacts) }} as contacts
        on contacts.person_id = persons.person_id

),

copies as (

    select
        held.*,
        row_number() over (
            partition by entity_id, key_hash
            order by speaks_first desc, source_date desc, is_original desc, {{ id }}
        ) as copy_rank,
        max(source_date) over (partition by entity_id, key_hash) as newest_source_date,
        max(is_primary) over (partition by entity_id, key_hash) as was_primary,
        {%- for flag in flags %}
        max({{ flag }}) over (partition by entity_id, key_hash) as any_{{ flag }},
        {%- endfor %}
        count(*) over (partition by entity_id, key_hash) as holders
    from held

),

ranked as (

    select
        copies.*,
        row_number() over (
            partition by entity_id
            order by
                is_valid desc, newest_source_date desc, was_primary desc,
                {%- for flag in flags %} any_{{ flag }} desc, {%- endfor %} key_hash
        ) as contact_rank
    from copies
    where copy_rank = 1

)

select
    persons.entity_id,
    contacts.{{ key }} as contact_key,
    {%- for column in columns %}
    contacts.{{ column }},
    {%- endfor %}
    {%- for flag in flags %}
    contacts.{{ flag }},
    {%- endfor %}
    1 as holders,
    contacts.person_id,
    contacts.last_import_id as import_id,
    contacts.source_date,
    1 as is_primary
from {{ ref(contacts) }} as contacts
inner join {{ ref('stg_persons') }} as persons
    on persons.person_id = contacts.person_id
left join several
    on several.entity_id = persons.entity_id
where several.entity_id is null and {{ of_changed('persons.entity_id') }}
union all
select
    ranked.entity_id,
    contacts.{{ key }},
    {%- for column in columns %}
    contacts.{{ column }},
    {%- endfor %}
    {%- for flag in flags %}
    ranked.any_{{ flag }},
    {%- endfor %}
    ranked.holders,
    contacts.person_id,
    contacts.last_import_id,
    ranked.newest_source_date,
    ranked.contact_rank = 1
from ranked
inner join {{ ref(contacts) }} as contacts
    on contacts.{{ id }} = ranked.{{ id }}
{% endmacro %}
