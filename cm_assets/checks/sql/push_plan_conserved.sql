-- Plans whose steps are not all accounted for.
select
    p.plan_id,
    p.kind,
    p.state,
    coalesce(cast(json_unquote(json_extract(p.counts, '$.create')) as signed), 0)
    + coalesce(cast(json_unquote(json_extract(p.counts, '$.update')) as signed), 0)
    + coalesce(cast(json_unquote(json_extract(p.counts, '$.merge')) as signed), 0) as planned,
    coalesce(s.applied, 0) as applied,
    coalesce(s.waiting, 0) as waiting,
    coalesce(s.failed, 0) as failed,
    coalesce(s.superseded, 0) as superseded
from crm_plans as p
left join (
    select
        plan_id,
        sum(state = 'applied') as applied,
        sum(state in ('waiting', 'sending')) as waiting,
        sum(state = 'failed') as failed,
        sum(state = 'superseded') as superseded
    from crm_steps
    group by plan_id
) as s on s.plan_id = p.plan_id
where
    coalesce(cast(json_unquote(json_extract(p.counts, '$.create')) as signed), 0)
    + coalesce(cast(json_unquote(json_extract(p.counts, '$.update')) as signed), 0)
    + coalesce(cast(json_unquote(json_extract(p.counts, '$.merge')) as signed), 0)
    <> coalesce(s.applied, 0) + coalesce(s.waiting, 0) + coalesce(s.failed, 0) + coalesce(s.superseded, 0)
    or (p.state = 'DONE' and coalesce(s.waiting, 0) > 0)
order by p.made_at desc
limit %(limit)s
