-- What is hard about each row, and how linkage does where it is.
-- In:  truth_file (cm_core.sample_data), source_parties, source_addresses. Out: truth.
create or replace table truth as
with named as (
    select distinct t.file, t.row_number, t.party_no, t.true_person_id, t.household_id, p.first_key || '|' || p.last_key || '|' || a.zip as name
    from truth_file as t
    inner join source_parties as p on t.file = p.import_id and t.row_number = p.row_number and t.party_no = p.party_no
    inner join source_addresses as a on p.row_id = a.row_id
),
-- Strangers of one name in one ZIP.
namesakes as (
    select name from named where name is not null group by name having count(distinct household_id) > 1
)
select
    t.file as import_id,
    t.row_number,
    t.party_no,
    t.true_person_id as true_id,
    t.household_id as household,
    concat_ws(' ', t.noise, case when exists (
        select 1 from named as n semi join namesakes using (name)
        where n.file = t.file and n.row_number = t.row_number and n.party_no = t.party_no
    ) then 'namesake' end) as noise
from truth_file as t;
