-- Golden records and entity ids: what the database should say.
-- In:  clusters(person_id, cluster), persons_now (canonical persons), verified(person_id, email, phone, contacts),
--      golden_choices(person_id, decided_at).
-- Out: placed(id, cluster, golden_id, is_original), entities(cluster, entity_id, needs_new), retired(entity_id, cluster).

-- Seed E3: manual choice (the latest decision, or the mark on the person), newest, most complete, verified e-mail, verified phone; then lowest id.
create or replace table placed as
with known as (
    select
        p.*,
        g.decided_at,
        coalesce(c.cluster, p.id) as cluster,
        coalesce(v.email, 0) as email_verified,
        coalesce(v.phone, 0) as phone_verified,
        (p.name_prefix is not null)::integer + (p.first_name is not null)::integer + (p.middle_name is not null)::integer
        + (p.last_name is not null)::integer + (p.name_suffix is not null)::integer
        + (p.organization_name is not null)::integer + (p.date_of_birth is not null)::integer
        + coalesce(v.contacts, 0) as filled
    from persons_now as p
    left join clusters as c on p.id = c.person_id
    left join verified as v on p.id = v.person_id
    left join golden_choices as g on p.id = g.person_id
)
select
    id,
    cluster,
    entity_id,
    is_original as was_original,
    first_value(id) over (
        partition by cluster
        order by
            decided_at desc nulls last, is_manually_verified desc, source_date desc, filled desc, email_verified desc,
            phone_verified desc, id
    ) as golden_id
from known;

-- Whom an entity id belongs to now: the part with most of its people, on a tie the one with its lowest person.
create or replace table entity_owner as
select entity_id, cluster
from placed
group by entity_id, cluster
qualify row_number() over (partition by entity_id order by count(*) desc, min(id)) = 1;

-- A cluster takes the oldest (lowest) of the ids that are its own. A part that was split off gets its lowest person's id,
-- or a fresh number if that id has been used.
create or replace table entities as
with mine as (
    select p.cluster, min(p.id) as lowest, min(o.entity_id) as kept
    from (select cluster, min(id) as id from placed group by cluster) as p
    left join entity_owner as o on p.cluster = o.cluster
    group by p.cluster
)
select
    m.cluster,
    coalesce(m.kept, case when not exists (select 1 from used_entities as u where u.entity_id = m.lowest) then m.lowest end)
        as entity_id
from mine as m;

create or replace table retired as
select o.entity_id, e.cluster
from entity_owner as o
inner join entities as e on o.cluster = e.cluster
where o.entity_id is distinct from e.entity_id;
