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

persons as (

    select * from {{ ref('stg_persons') }}

),

holders as (

    select opt_out_id, person_id, 1 as is_named
    from opt_outs
    where person_id is not null
    union all
    select opt_outs.opt_out_id, phones.person_id, 0
    from opt_outs
    inner join {{ ref('stg_phone_numbers') }} as phones
        on phones.phone_e164 = opt_outs.phone_e164
    left join shared
        on shared.kind = 'phone' and shared.contact_key = opt_outs.phone_e164
    where shared.contact_key is null
    union all
    select opt_outs.opt_out_id, emails.person_id, 0
    from opt_outs
    inner join {{ ref('stg_email_addresses') }} as emails
        on emails.email_key = opt_outs.email_key
    left join shared
        on shared.kind = 'email' and shared.contact_key = opt_outs.email_key
    where shared.contact_key is null
    union all
    select opt_outs.opt_out_id, addresses.person_id, 0
    from opt_outs
    inner join {{ ref('stg_addresses') }} as addresses
        on addresses.address_key = opt_outs.address_key

)

select
    holders.opt_out_id,
    persons.entity_id,
    max(holders.is_named) as is_named
from holders
inner join persons
    on persons.person_id = holders.person_id
group by holders.opt_out_id, persons.entity_id
