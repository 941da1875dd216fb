-- In:  split_rows, components(id, component), base.imports.
-- Out: moves(import_id, row_number, party_no, person_id, part): every row of each person that falls apart.
-- Part 0, which keeps the person's id, has the most rows; of equals, the one with the earliest row.
create or replace table moves as
with torn as (
    select r.person_id
    from split_rows as r
    inner join components as c on r.id = c.id
    group by r.person_id
    having min(c.component) <> max(c.component)
),
placed as (
    select i.import_id, (r.id >> 8) & 4294967295 as row_number, (r.id & 255)::smallint as party_no, r.person_id, c.component
    from split_rows as r
    inner join components as c on r.id = c.id
    inner join base.imports as i on r.id >> 40 = i.import_no
    where r.person_id in (select person_id from torn)
),
parts as (
    select
        person_id,
        component,
        count(*) as size,
        min(struct_pack(import_id := import_id, row_number := row_number, party_no := party_no)) as first_row
    from placed
    group by all
),
numbered as (
    select
        person_id, component, row_number() over (partition by person_id order by size desc, first_row) - 1 as part
    from parts
)
select p.import_id, p.row_number, p.party_no, p.person_id, n.part
from placed as p
inner join numbered as n on p.person_id = n.person_id and p.component = n.component;
