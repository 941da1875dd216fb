{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact_key", "channel"], "type": "primary"},
]) }}

-- Of what speaks against a contact point at as_of() and no exemption lifts, the rule with the lowest precedence.
-- Contact points that nothing speaks against are not here. Each kind of contact point is grouped by itself, findings
-- before rules: one union of all would be a temporary table of long texts, and the rules first read it once for each.
{% for findings, channels in [
    ('int_phone_findings', ['call', 'sms']), ('int_email_findings', ['email']), ('int_mail_findings', ['mail'])
] %}
select
    entity_id,
    contact_key,
    channel,
    min(case when {{ holds('findings') }} and not is_lifted then {{ rank_of('findings', 'findings') }} end) as deciding,
    max(case when {{ holds('findings') }} and not is_lifted and verdict = 'wait'
        then coalesce(ends_at, {{ end_of_time() }}) end) as waits_until,
    group_concat(
        distinct case when {{ holds('findings') }} and not is_lifted then rule_id end order by precedence separator ','
    ) as rule_ids,
    max({{ holds('findings') }} and is_lifted) as was_lifted,
    min({{ next_change('findings') }}) as next_change
from (
    select
        findings.entity_id,
        findings.contact_key,
        rules.channel,
        findings.starts_at,
        findings.ends_at,
        findings.evidence,
        rules.reason_code,
        rules.precedence,
        rules.rule_id,
        rules.verdict,
        {{ is_lifted('rules.exempt_by', 'lifted') }} as is_lifted
    from {{ ref(findings) }} as findings
    {{ straight_join() }} ({% for channel in channels -%}
        select '{{ channel }}' as channel {{- ' union all ' if not loop.last }}
    {%- endfor %}) as channels
    {{ straight_join() }} {{ ref('int_rules_in_force') }} as rules
        on rules.reason_code = findings.reason_code
        and rules.channel = channels.channel
        and findings.channel in (rules.channel, 'all')
    left join {{ ref('int_lifted') }} as lifted
        on lifted.entity_id = findings.entity_id
        and lifted.contact_key = findings.contact_key
        and lifted.channel = rules.channel
    where {{ of_changed('findings.entity_id') }}
) as findings
group by entity_id, contact_key, channel
{%- if not loop.last %}
union all
{%- endif %}
{% endfor %}
