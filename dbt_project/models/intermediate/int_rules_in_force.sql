{{ config(indexes=[{"columns": ["channel", "reason_code"], "type": "primary"}]) }}

-- Rules that count at as_of() for var purpose.
select
    channel,
    reason_code,
    precedence,
    concat(channel, '.', reason_code) as rule_id,
    code,
    verdict,
    coalesce(exempt_by, '') as exempt_by,
    description
from {{ ref('compliance_rules') }}
where enabled = 1
    and effective_from <= date({{ as_of() }})
    and (effective_until is null or effective_until > date({{ as_of() }}))
    and (purposes = 'all' or find_in_set('{{ var("purpose") }}', replace(purposes, '|', ',')) > 0)
    {%- if not var('require_dnc_coverage') %}
    and reason_code not in ('dnc_area_not_held', 'dnc_list_stale')
    {%- endif %}
