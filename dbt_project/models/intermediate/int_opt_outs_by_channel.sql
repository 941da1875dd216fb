{{ config(materialized='view') }}

-- Opt-outs with the channel 'all' spread over the four channels, the sentence that serves as evidence, and from when on
-- a re-consent by that contact point lifts them (never: null).
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
    {%- for kind, key in [('phone', 'phone_e164'), ('email', 'email_key'), ('address', 'address_key')] %}
    (
        select min(lifting.starts_at)
        from {{ ref('stg_contact_facts') }} as lifting
        where lifting.contact_kind = '{{ kind }}'
            and lifting.contact_key = opt_outs.{{ key }}
            and lifting.fact = 'reconsent'
            and lifting.channel in (channels.channel, 'all')
            and lifting.starts_at >= opt_outs.opted_out_at
    ) as {{ kind }}_lifted_at,
    {%- endfor %}
    concat(
        'opt_outs ', opt_outs.opt_out_id, ': asked ', date(opt_outs.opted_out_at), ' for ', opt_outs.channel,
        ' by ', coalesce(opt_outs.phone_e164, opt_outs.email_key, opt_outs.address_key, 'person'),
        ', source ', opt_outs.source,
        coalesce(concat(', ', opt_outs.import_id, ' row ', opt_outs.`row_number`), '')
    ) as evidence
from {{ ref('stg_opt_outs') }} as opt_outs
inner join channels
    on opt_outs.channel in (channels.channel, 'all')
