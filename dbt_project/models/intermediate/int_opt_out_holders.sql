{{ config(indexes=[{"columns": ["opt_out_id", "entity_id"], "type": "primary"}]) }}

-- Which entities an opt-out may come from: the person it names, else everybody who holds the contact point.
-- A contact shared by many surnames (stg_shared_contacts) says nothing about who asked and names nobody here; the
-- contact point itself stays blocked through int_contact_opt_outs. Worked out anew each time, so that the order in
-- which people and opt-outs arrive makes no difference and an opt-out waits for people not yet known.
with opt_outs as (

    select * from {{ ref('stg_opt_outs') }}

),

shared as (

    select * from {{ ref('stg_shared_contacts') }}

),

holders as (

    select opt_outs.opt_out_id, persons.entity_id, 1 as is_named
    from opt_outs
    inner join {{ ref('stg_persons') }} as persons
        on persons.person_id = opt_outs.person_id
    union all
    select opt_outs.opt_out_id, phones.entity_id, 0
    from opt_outs
    inner join {{ ref('int_entity_phones') }} as phones
        on phones.phone_e164 = opt_outs.phone_e164
    left join shared
        on shared.kind = 'phone' and shared.contact_key = opt_outs.phone_e164
    where shared.contact_key is null
    union all
    select opt_outs.opt_out_id, emails.entity_id, 0
    from opt_outs
    inner join {{ ref('int_entity_emails') }} as emails
        on emails.contact_key = opt_outs.email_key
    left join shared
        on shared.kind = 'email' and shared.contact_key = opt_outs.email_key
    where shared.contact_key is null
    union all
    select opt_outs.opt_out_id, addresses.entity_id, 0
    from opt_outs
    inner join {{ ref('int_entity_addresses') }} as addresses
        on addresses.contact_key = opt_outs.address_key

)

select
    opt_out_id,
    entity_id,
    max(is_named) as is_named
from holders
group by opt_out_id, entity_id
