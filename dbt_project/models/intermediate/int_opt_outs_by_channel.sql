{{ config(materialized='view') }}

-- Opt-outs with the channel 'all' spread over the four channels, and the sentence that serves as evidence.
with channels as (

    select 'call' as channel
    union all
    select 'sms'
    union all
    select 'email'
    union all
    select 'mail'

)

select
    opt_outs.opt_out_id,
    opt_outs.person_id,
    channels.channel,
    opt_outs.phone_e164,
    opt_outs.email_key,
    opt_outs.address_key,
    opt_outs.opted_out_at,
    concat(
        'opt_outs ', opt_outs.opt_out_id, ': asked ', date(opt_outs.opted_out_at), ' for ', opt_outs.channel,
        ' by ', coalesce(opt_outs.phone_e164, opt_outs.email_key, opt_outs.address_key, 'person'),
        ', source ', opt_outs.source,
        coalesce(concat(', ', opt_outs.import_id, ' row ', opt_outs.`row_number`), '')
    ) as evidence
from {{ ref('stg_opt_outs') }} as opt_outs
inner join channels
    on opt_outs.channel in (channels.channel, 'all')
