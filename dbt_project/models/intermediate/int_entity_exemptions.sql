{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "channel"]}]) }}

-- What lifts a rule that names it in `exempt_by`: consent, which names a contact point, until it ends or is revoked,
-- that in writing apart from any other; a business relationship for the months of compliance_terms, none where none are
-- set for its day. A request to be left alone ends any of them for good; one of 00:00 sharp is of a day, nobody knows
-- when, and ends what began on that day.
with given as (

    select
        facts.entity_id,
        facts.contact_key,
        case when facts.fact = 'consent' and facts.value = 'written' then 'written_consent' else facts.fact end
            as basis,
        facts.channel,
        facts.value,
        facts.starts_at,
        case
            when facts.fact = 'consent' then facts.ends_at
            else facts.starts_at + interval coalesce((
                select min(cast(terms.value as unsigned))
                from {{ ref('compliance_terms') }} as terms
                where terms.term = concat('relationship_', facts.value)
                    and terms.effective_from <= date(facts.starts_at)
                    and (terms.effective_until is null or terms.effective_until > date(facts.starts_at))
            ), 0) month
        end as ends_at,
        facts.evidence
    from {{ ref('int_entity_facts') }} as facts
    where (
            (facts.fact = 'consent' and facts.contact_key is not null)
            or (facts.fact = 'relationship' and facts.value in ('purchase', 'inquiry'))
        )
        and {{ of_changed('facts.entity_id') }}

),

spread as (

    select given.*, channels.channel as of_channel
    from given
    inner join (
        select 'call' as channel
        union all
        select 'sms'
        union all
        select 'email'
        union all
        select 'mail'
    ) as channels
        on given.channel in (channels.channel, 'all')

),

ended as (

    select
        spread.entity_id,
        spread.contact_key,
        spread.of_channel as channel,
        spread.basis,
        spread.starts_at,
        nullif(least(
            coalesce(spread.ends_at, {{ end_of_time() }}),
            coalesce((
                select min(revoked.starts_at)
                from {{ ref('int_entity_facts') }} as revoked
                where revoked.entity_id = spread.entity_id and revoked.fact = 'consent_revoked'
                    and spread.basis in ('consent', 'written_consent')
                    and (revoked.starts_at >= spread.starts_at or revoked.starts_at = date(spread.starts_at))
                    and revoked.channel in (spread.of_channel, 'all')
                    and (revoked.contact_key is null or revoked.contact_key <=> spread.contact_key)
            ), {{ end_of_time() }}),
            coalesce((
                select min(asked.starts_at)
                from {{ ref('int_entity_opt_outs') }} as asked
                where asked.entity_id = spread.entity_id and asked.channel = spread.of_channel
                    and (asked.starts_at >= spread.starts_at or asked.starts_at = date(spread.starts_at))
            ), {{ end_of_time() }})
        ), {{ end_of_time() }}) as ends_at,
        spread.evidence
    from spread

)

select entity_id, contact_key, channel, basis, starts_at, ends_at, evidence
from ended
where ends_at is null or ends_at > starts_at
