{# A finding without a rule would silently allow: each reason code must be in the seed, enabled or not. #}
{% test every_finding_has_a_rule(model, channel) %}
select findings.reason_code, count(*) as findings
from {{ model }} as findings
left join {{ ref('compliance_rules') }} as rules
    on rules.channel = '{{ channel }}' and rules.reason_code = findings.reason_code
where rules.reason_code is null
group by findings.reason_code
{% endtest %}
