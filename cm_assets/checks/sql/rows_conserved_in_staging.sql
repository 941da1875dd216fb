-- Imports whose file has another number of rows than were staged and rejected, or with a row that was both.
with staged as (
    select
        count(*) as staged_rows,
        count(distinct row_number) as staged_row_numbers
    from rows
),

rejected as (
    select count(distinct row_number) as rejected_rows
    from findings
    where row_status = 'rejected'
),

both_ways as (
    select count(*) as staged_and_rejected
    from rows
    semi join (select row_number from findings where row_status = 'rejected') as out_rows using (row_number)
)

select
    $import_id as import_id,
    $row_count::bigint as row_count,
    staged.staged_rows,
    staged.staged_row_numbers,
    rejected.rejected_rows,
    both_ways.staged_and_rejected
from staged
cross join rejected
cross join both_ways
where staged.staged_rows + rejected.rejected_rows is distinct from $row_count::bigint
    or staged.staged_rows <> staged.staged_row_numbers
    or both_ways.staged_and_rejected > 0
