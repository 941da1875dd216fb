-- In:  touched_persons, base. Out: touched_components (as they were), person_nodes(id), keyed(person_id, code, evidence: 1
--      record or e-mail, 2 phone, 3 name and ZIP), tier1_edges(id_l, id_r, evidence): every carrier of a key to the lowest of
--      them, never all pairs.
create or replace table touched_components as
select distinct component from base.exact_components where id in (select person_id from touched_persons);

create or replace table person_nodes as
select distinct person_id as id from base.owned where person_id in (select person_id from touched_persons);

create or replace view keyed as
select person_id, code, case kind when 'name_zip' then 3 when 'phone' then 2 else 1 end as evidence
from base.row_facts
where person_id in (select person_id from touched_persons);

create or replace table tier1_edges as
with hubs as (
    select code, min(person_id) as hub from keyed group by code having min(person_id) <> max(person_id)
)
select h.hub as id_l, k.person_id as id_r, min(k.evidence) as evidence
from keyed as k
inner join hubs as h on k.code = h.code
where h.hub <> k.person_id
group by all;
