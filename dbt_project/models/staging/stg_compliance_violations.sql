select
    touchpoint_id,
    person_id,
    channel,
    contact_key,
    touched_at,
    reason_code,
    rule_ids,
    evidence,
    deadline,
    severity,
    judged_at
from {{ source('canonical', 'compliance_violations') }}
