{{ config(indexes=[{"columns": ["area_code", "channel"], "type": "primary"}]) }}

-- Of what speaks against an area code at as_of(), the rule that comes first. An area code that nobody knows is
-- `unknown`: no list of it can be held.
with findings as (

    select area_code, reason_code, starts_at, ends_at, evidence from {{ ref('int_area_findings') }}
    union all
    select 'unknown', 'dnc_area_not_held', {{ always() }}, {{ never() }}, 'area_code_places: area code not known'

)

select
    findings.area_code,
    rules.channel,
    min(case when {{ holds('findings') }} then {{ rank_of('rules', 'findings') }} end) as deciding,
    group_concat(
        case when {{ holds('findings') }} then rules.rule_id end order by rules.precedence separator ','
    ) as rule_ids,
    coalesce(max(case when {{ holds('findings') }} then rules.exempt_by end), '') as exempt_by,
    min({{ next_change('findings') }}) as next_change
from findings
inner join {{ ref('int_rules_in_force') }} as rules
    on rules.reason_code = findings.reason_code and rules.channel in ('call', 'sms')
group by findings.area_code, rules.channel
