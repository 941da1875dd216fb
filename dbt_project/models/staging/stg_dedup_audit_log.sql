select
    id as audit_id,
    job_id,
    action,
    original_person_id,
    duplicate_person_id,
    match_score,
    match_reason,
    created_at
from {{ source('canonical', 'dedup_audit_log') }}
