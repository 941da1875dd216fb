{# A finding without a rule would silently allow: each reason code must be in the seed, enabled or not, for each channel
   that it is found for. #}
{% test every_finding_has_a_rule(model) %}
select findings.reason_code, findings.channel, count(*) as findings
from (select * from {{ model }}) as findings
left join {{ ref('compliance_rules') }} as rules
    on rules.reason_code = findings.reason_code and findings.channel in (rules.channel, 'all')
where rules.reason_code is null
group by findings.reason_code, findings.channel
{% endtest %}
