-- Who each party of each row really is. Rows that a reader must reject (wrong width, nobody) are left out.
-- `noise` says what is hard about the row, words between spaces (see observed.sql).
select
    list_extract($files, (file + 1)::integer) || ',' || row_number || ',' || party_no || ',' || true_person_id || ','
        || household || ',' || role || ',' || noise || chr(10) as line
from (
    select position, file, row_number, 1 as party_no, id as true_person_id, household, 'owner' as role, noise
    from observed where wrong_width = 0 and nobody = 0
    union all
    select position, file, row_number, 2, joint_id, household, 'joint_owner', noise
    from observed where wrong_width = 0 and joint_id > 0
    union all
    select position, file, row_number, 2, contact_id, household, 'contact', noise
    from observed where wrong_width = 0 and contact_id > 0
)
order by position, party_no
