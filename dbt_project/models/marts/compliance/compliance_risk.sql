-- What the risk dashboard shows, one number a row: contact points by verdict and rule, do-not-call lists by age, what
-- runs out soon, contacts of 90 days that were against the law, messages that wait for a person, rules that are
-- switched off.
with verdicts as (
    {% for channel in ['call', 'sms', 'email', 'mail'] %}
    select '{{ channel }}' as channel, verdict, reason_code, count(*) as points
    from {{ ref('compliance_' ~ channel) }}
    group by verdict, reason_code
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

expiries as (
    {% for channel in ['call', 'sms', 'email', 'mail'] %}
    select '{{ channel }}' as channel, date(valid_until) as due, count(*) as points
    from {{ ref('compliance_' ~ channel) }}
    where valid_until <= {{ as_of() }} + interval 30 day and verdict in ('allowed', 'wait')
    group by date(valid_until)
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

lists as (

    select
        coverage.source,
        date(coverage.obtained_at) as obtained,
        count(*) as area_codes,
        date(min(coverage.obtained_at) + interval coalesce((
            select max(cast(terms.value as unsigned))
            from {{ ref('compliance_terms') }} as terms
            where terms.term = 'dnc_list_max_age' and terms.effective_from <= date({{ as_of() }})
                and (terms.effective_until is null or terms.effective_until > date({{ as_of() }}))
        ), 0) day) as stale_on
    from {{ ref('stg_dnc_area_coverage') }} as coverage
    where coverage.is_current = 1
    group by coverage.source, date(coverage.obtained_at)

)

select
    {{ as_text("'verdicts'") }} as section,
    {{ as_text('channel') }} as channel,
    {{ as_text("concat(verdict, ': ', reason_code)") }} as item,
    points as quantity,
    cast(null as date) as due_on
from verdicts
union all
select {{ as_text("'expiries'") }}, {{ as_text('channel') }}, {{ as_text("'verdicts that run out'") }}, points, due
from expiries
union all
select {{ as_text("'lists'") }}, {{ as_text("'call'") }},
    {{ as_text("concat(source, ' of ', obtained, ', area codes')") }}, area_codes, stale_on
from lists
union all
select {{ as_text('severity') }}, {{ as_text('channel') }}, {{ as_text('reason_code') }}, count(*), null
from {{ ref('stg_compliance_violations') }}
where touched_at > {{ as_of() }} - interval 90 day
group by severity, channel, reason_code
union all
select {{ as_text("'review'") }}, {{ as_text('suspected.channel') }},
    {{ as_text("'messages that read like an opt-out'") }}, count(*), null
from {{ ref('stg_contact_facts') }} as suspected
left join {{ ref('stg_contact_facts') }} as cleared
    on cleared.contact_kind = suspected.contact_kind
    and cleared.contact_key = suspected.contact_key
    and cleared.fact = 'suspicion_cleared'
    and cleared.starts_at > suspected.starts_at
where suspected.fact = 'opt_out_suspected' and cleared.fact_id is null
group by suspected.channel
union all
select {{ as_text("'rules off'") }}, {{ as_text('channel') }}, {{ as_text('reason_code') }}, 1, null
from {{ ref('compliance_rules') }}
where enabled = 0
union all
select {{ as_text("'rules to come'") }}, {{ as_text('channel') }}, {{ as_text('reason_code') }}, 1, effective_from
from {{ ref('compliance_rules') }}
where enabled = 1 and effective_from > date({{ as_of() }})
