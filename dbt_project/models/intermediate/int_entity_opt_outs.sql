{{ config(indexes=[{"columns": ["entity_id", "channel"], "type": "primary"}]) }}

-- Entities that asked to be left alone on a channel. `is_certain`: the request names a member or comes from a contact
-- point that only this entity holds; otherwise one of several holders asked and nobody knows which.
with holders as (

    select
        *,
        count(*) over (partition by opt_out_id) as entities
    from {{ ref('int_opt_out_holders') }}

),

asked as (

    select * from {{ ref('int_opt_outs_by_channel') }}

),

ranked as (

    select
        holders.entity_id,
        asked.channel,
        (holders.is_named = 1 or holders.entities = 1) as is_certain,
        asked.opted_out_at,
        asked.evidence,
        row_number() over (
            partition by holders.entity_id, asked.channel
            order by (holders.is_named = 1 or holders.entities = 1) desc, asked.opted_out_at desc, asked.opt_out_id
        ) as strongest
    from holders
    inner join asked
        on asked.opt_out_id = holders.opt_out_id

)

select entity_id, channel, is_certain, opted_out_at, evidence
from ranked
where strongest = 1
