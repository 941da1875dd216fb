-- Whose clusters may be others than the last run wrote: of changed standing or marks, with all in their clusters, as they were
-- and as they are.
-- In:  standings, marks(person_id, mark), written.persons, written.marks. Out: persons_to_write(person_id).
create or replace table persons_to_write as
with changed as (
    select coalesce(n.person_id, w.person_id) as person_id
    from standings as n
    full join written.persons as w on n.person_id = w.person_id
    where n.cluster is distinct from w.cluster or n.signature is distinct from w.signature
    union
    select person_id
    from ((from marks except from written.marks) union all (from written.marks except from marks))
),
shaken as (
    select cluster from standings where person_id in (select person_id from changed)
    union
    select cluster from written.persons where person_id in (select person_id from changed)
)
select person_id from standings where cluster in (select cluster from shaken)
union
select person_id from written.persons where cluster in (select cluster from shaken);
