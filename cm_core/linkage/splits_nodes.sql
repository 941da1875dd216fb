-- In:  source_parties, row_facts. Out: split_rows (rows of persons that have several), split_nodes, split_edges.
create or replace table split_rows as
select row_number() over (order by import_id, row_number, party_no) as id, import_id, row_number, party_no, person_id
from source_parties
where person_id in (select person_id from source_parties group by person_id having count(*) > 1);

create or replace table split_nodes as select id from split_rows;

create or replace table split_edges as
with keyed as (
    select r.id, min(r.id) over (partition by r.person_id, f.kind, f.key, f.class) as hub
    from split_rows as r
    inner join row_facts as f
        on r.import_id = f.import_id and r.row_number = f.row_number and r.party_no = f.party_no
)
select distinct hub as id_l, id as id_r
from keyed
where hub <> id;
