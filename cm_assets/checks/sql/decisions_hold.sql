select d.id as decision_id, d.decision, d.person_id, d.other_id, d.decided_by, d.decided_at
from review_decisions as d
inner join persons as p on d.person_id = p.id
left join persons as o on d.other_id = o.id
where d.undone_at is null
    -- A decision takes effect with the linkage after it: one that came since is not broken yet.
    and d.decided_at < (select max(created_at) from dedup_audit_log where action in ('link', 'unlink'))
    and (
        (d.decision = 'same' and p.entity_id <> o.entity_id)
        or (d.decision = 'different' and p.entity_id = o.entity_id)
    )
order by d.id
limit %(limit)s
