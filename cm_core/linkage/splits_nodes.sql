-- In:  dirty_persons, base.owned, base.row_facts. Out: split_rows (rows of dirty persons that have several), split_nodes,
-- split_edges.
create or replace table split_rows as
with theirs as (
    select row_id, person_id from base.owned where person_id in (select person_id from dirty_persons)
)
select row_id as id, person_id
from theirs
where person_id in (select person_id from theirs group by person_id having count(*) > 1);

create or replace table split_nodes as select id from split_rows;

create or replace table split_edges as
with facts as (
    select row_id, person_id, code from base.row_facts where row_id in (select id from split_rows)
),
hubs as (
    select person_id, code, min(row_id) as hub from facts group by person_id, code having count(*) > 1
)
select distinct h.hub as id_l, f.row_id as id_r
from facts as f
inner join hubs as h on f.person_id = h.person_id and f.code = h.code
where h.hub <> f.row_id;
