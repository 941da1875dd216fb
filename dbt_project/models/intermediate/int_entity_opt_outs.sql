{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "channel"]}]) }}

-- What entities asked for, with whatever contact point. `is_certain`: the request names a member, by id or by name and
-- ZIP, or comes from a contact point that only this entity holds; otherwise one of several holders asked and nobody
-- knows which. A contact point shared by many surnames says nothing about who asked and names nobody here; it stays
-- blocked itself. Who holds what is worked out in each build, so the order in which people and opt-outs arrive makes no
-- difference.
{%- set contact_points = [
    ('phone', 'int_entity_phones', 'phone_e164', 'phone_e164'),
    ('email', 'int_entity_emails', 'contact_key', 'email_key'),
    ('address', 'int_entity_addresses', 'contact_key', 'address_key'),
] %}
with opt_outs as (

    select * from {{ ref('stg_opt_outs') }}

),

shared as (

    select * from {{ ref('stg_shared_contacts') }}

),

-- Of this build.
own as (

    select opt_outs.opt_out_id, persons.entity_id, 1 as is_named, '' as kind
    from {{ ref('stg_persons') }} as persons
    inner join opt_outs
        on opt_outs.person_id = persons.person_id
    where {{ of_changed('persons.entity_id') }}
    union all
    select opt_outs.opt_out_id, persons.entity_id, 1, ''
    from {{ ref('stg_persons') }} as persons
    inner join {{ ref('stg_addresses') }} as addresses
        on addresses.person_id = persons.person_id
    inner join opt_outs
        on opt_outs.name_zip_key = addresses.name_zip_key
    where {{ of_changed('persons.entity_id') }}
    {%- for kind, contacts, held, asked in contact_points %}
    union all
    select opt_outs.opt_out_id, contacts.entity_id, 0, '{{ kind }}'
    from {{ ref(contacts) }} as contacts
    inner join opt_outs
        on opt_outs.{{ asked }} = contacts.{{ held }}
    left join shared
        on shared.kind = '{{ kind }}' and shared.contact_key = opt_outs.{{ asked }}
    where shared.contact_key is null and {{ of_changed('contacts.entity_id') }}
    {%- endfor %}

),

asked as (

    select distinct opt_out_id, kind from own where kind <> ''

),

-- All who hold what those asked with, of this build or not; whom a request names beside is not counted among them.
everybody as (

    {%- for kind, contacts, held, asked in contact_points %}
    select asked.opt_out_id, asked.kind, contacts.entity_id
    from asked
    inner join opt_outs
        on opt_outs.opt_out_id = asked.opt_out_id
    inner join {{ ref(contacts) }} as contacts
        on contacts.{{ held }} = opt_outs.{{ asked }}
    where asked.kind = '{{ kind }}'
    {%- if not loop.last %}
    union distinct
    {%- endif %}
    {%- endfor %}

),

counted as (

    select opt_out_id, kind, count(distinct entity_id) as entities
    from everybody
    group by opt_out_id, kind

),

holders as (

    select own.opt_out_id, own.entity_id, max(own.is_named = 1 or coalesce(counted.entities, 0) = 1) as is_certain
    from own
    left join counted
        on counted.opt_out_id = own.opt_out_id and counted.kind = own.kind
    group by own.opt_out_id, own.entity_id

)

select
    holders.entity_id,
    requests.channel,
    holders.is_certain,
    requests.opted_out_at as starts_at,
    requests.evidence
from holders
inner join {{ ref('int_opt_outs_by_channel') }} as requests
    on requests.opt_out_id = holders.opt_out_id
