{{ config(meta={'description': 'Within a channel, stricter rules come before looser ones: adding a finding never loosens a verdict'}) }}

-- Within a channel, blocked comes before review, review before wait, wait before allowed.
select
    looser.channel,
    looser.reason_code,
    stricter.reason_code as must_come_after
from {{ ref('compliance_rules') }} as looser
inner join {{ ref('compliance_rules') }} as stricter
    on stricter.channel = looser.channel and stricter.precedence > looser.precedence
where field(looser.verdict, 'blocked', 'review', 'wait', 'allowed')
    > field(stricter.verdict, 'blocked', 'review', 'wait', 'allowed')
