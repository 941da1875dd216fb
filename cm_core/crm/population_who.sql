-- Who of the CRM belongs to whom, and who may be created there.
-- In:  crm_persons, links(id_value, entity_id, source_date), created(entity_id, crm_person_id, state),
--      successors(entity_id, successor_id), candidates(entity_id, ...).
-- Out: owned(crm_person_id, entity_id), elsewhere(crm_person_id, entity_id), candidates_left(entity_id, ...).

-- Where retired entities went, by way of others too.
create or replace table heirs as
with recursive walked as (
    select entity_id, successor_id, 1 as steps from successors
    union all
    select w.entity_id, s.successor_id, w.steps + 1
    from walked as w
    inner join successors as s on s.entity_id = w.successor_id
    where w.steps < 50
)

select entity_id, arg_max(successor_id, steps) as successor_id
from walked
group by entity_id;

-- Into whom people of the CRM were merged there, at the end.
create or replace table lives_as as
with recursive walked as (
    select crm_person_id, crm_person_id as lives_as, 0 as steps from crm_persons
    union all
    select w.crm_person_id, c.merged_into, w.steps + 1
    from walked as w
    inner join crm_persons as c on c.crm_person_id = w.lives_as
    where c.merged_into is not null and w.steps < 50
)

select crm_person_id, arg_max(lives_as, steps) as lives_as
from walked
group by crm_person_id;

-- Every entity that ever had somebody in the CRM, live or not. `is_own`: by the id itself, not by one merged into it.
create or replace table claims as
with said as (
    select try_cast(id_value as bigint) as crm_person_id, entity_id, source_date, 1 as strength from links
    union all
    select c.crm_person_id, coalesce(h.successor_id, c.entity_id), null, 2
    from created as c
    left join heirs as h on h.entity_id = c.entity_id
)

select
    s.entity_id,
    l.lives_as as crm_person_id,
    l.crm_person_id = l.lives_as as is_own,
    s.strength,
    s.source_date
from said as s
left join lives_as as l on l.crm_person_id = s.crm_person_id;

-- One entity is the owner: the id itself before one merged into it, sources before our own memory, the newest, the lowest.
create or replace table owned as
select k.crm_person_id, k.entity_id
from claims as k
inner join crm_persons as c on c.crm_person_id = k.crm_person_id and c.state = 'live'
qualify row_number() over (
    partition by k.crm_person_id order by k.is_own desc, k.strength, k.source_date desc nulls last, k.entity_id
) = 1;

create or replace table elsewhere as
select distinct k.crm_person_id, k.entity_id
from claims as k
inner join owned as o on o.crm_person_id = k.crm_person_id and o.entity_id <> k.entity_id
where k.entity_id not in (select entity_id from owned);

-- Deleted there by hand, merged there, being created: whoever has had somebody there gets nobody new.
create or replace table candidates_left as
select c.*
from candidates as c
where c.entity_id not in (select entity_id from claims);
