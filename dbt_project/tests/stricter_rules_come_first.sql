-- Within a channel, blocked comes before review and review before allowed: adding a finding never loosens a verdict.
select looser.channel, looser.reason_code, stricter.reason_code as must_come_after
from {{ ref('compliance_rules') }} as looser
inner join {{ ref('compliance_rules') }} as stricter
    on stricter.channel = looser.channel and stricter.precedence > looser.precedence
where (looser.verdict = 'review' and stricter.verdict = 'blocked')
    or (looser.verdict = 'allowed' and stricter.verdict in ('blocked', 'review'))
