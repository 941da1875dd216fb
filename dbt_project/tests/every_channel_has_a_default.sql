{{ config(meta={'description': 'Every channel has its rule no_rule_blocks; without one its mart would be empty'}) }}

-- Each channel has its no_rule_blocks row; without one the mart of that channel would be empty.
select channels.channel
from (
    select distinct channel from {{ ref('compliance_rules') }}
) as channels
left join {{ ref('compliance_rules') }} as rules
    on rules.channel = channels.channel and rules.reason_code = 'no_rule_blocks' and rules.enabled = 1
where rules.channel is null
