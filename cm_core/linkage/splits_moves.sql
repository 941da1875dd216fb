-- In:  split_rows, components(id, component).
-- Out: moves(import_id, row_number, party_no, person_id, part): every row of each person that falls apart.
-- Part 0, which keeps the person's id, has the most rows; of equals, the one with the earliest row.
create or replace table moves as
with parts as (
    select r.person_id, c.component, count(*) as size, min(r.id) as first_row
    from split_rows as r
    inner join components as c on r.id = c.id
    group by all
),
numbered as (
    select
        person_id,
        component,
        row_number() over (partition by person_id order by size desc, first_row) - 1 as part,
        count(*) over (partition by person_id) as part_count
    from parts
)
select r.import_id, r.row_number, r.party_no, r.person_id, n.part
from split_rows as r
inner join components as c on r.id = c.id
inner join numbered as n on r.person_id = n.person_id and c.component = n.component
where n.part_count > 1;
