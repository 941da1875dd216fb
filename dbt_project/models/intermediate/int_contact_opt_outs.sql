{{ config(indexes=[{"columns": ["contact_kind", "contact_key", "channel"], "type": "primary"}]) }}

-- Contact points that somebody opted out, held by anybody or not: the newest request per channel.
with asked as (

    select * from {{ ref('int_opt_outs_by_channel') }}

),

by_contact as (

    select 'phone' as contact_kind, phone_e164 as contact_key, channel, opted_out_at, opt_out_id, evidence
    from asked
    where phone_e164 is not null
    union all
    select 'email', email_key, channel, opted_out_at, opt_out_id, evidence
    from asked
    where email_key is not null
    union all
    select 'address', address_key, channel, opted_out_at, opt_out_id, evidence
    from asked
    where address_key is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by contact_kind, contact_key, channel
            order by opted_out_at desc, opt_out_id
        ) as newest
    from by_contact

)

select contact_kind, contact_key, channel, opted_out_at, evidence
from ranked
where newest = 1
