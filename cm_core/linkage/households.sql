-- Who lives together without being one: spouses, parents and children, brothers and sisters. People who are not one, with
-- the same surname at one address or on one phone, or with one address and one phone; and joint owners of one row.
-- In:  clusters(person_id, cluster), base.household_keys(code, rank, unique_id: that of a record and of a person),
--      joint_owners(person_id, related_person_id).
-- Out: household_edges(id_l, id_r, rank), of clusters: 1 joint owners, 2 address and surname, 3 address and phone, 4 phone and
--      surname; household_nodes(id).
--
-- What more than $most people share (a ranch's gate phone, a law office, HENDERSON at a care home's address) is no household.
create or replace table household_keys as
select distinct c.cluster, k.rank, k.code
from base.household_keys as k
inner join clusters as c on k.unique_id = c.person_id
where k.code in (select code from base.household_keys group by code having count(*) > 1);

create or replace table household_edges as
with met as (
    select code, min(cluster) as hub
    from household_keys
    group by code
    having count(*) between 2 and $most
),
edges as (
    select m.hub as id_l, k.cluster as id_r, k.rank
    from household_keys as k
    inner join met as m on k.code = m.code
    where k.cluster <> m.hub
    union all
    select least(l.cluster, r.cluster), greatest(l.cluster, r.cluster), 1
    from joint_owners as j
    inner join clusters as l on j.person_id = l.person_id
    inner join clusters as r on j.related_person_id = r.person_id
    where l.cluster <> r.cluster
)
select id_l, id_r, min(rank) as rank from edges group by id_l, id_r;

create or replace table household_nodes as
select id_l as id from household_edges
union
select id_r from household_edges;
