-- What the error report says where rows that are in stay as they were imported.
-- In:  lost(row_number, how), new_findings, applied_findings. Out: settled_findings.
create or replace table settled_findings as
select * from new_findings anti join lost using (row_number)
union all by name
select * from applied_findings semi join lost using (row_number)
where error_message not like 'The present rules%'
union all by name
select
    l.row_number,
    'VALIDATION' as error_type,
    'The present rules '
    || case l.how when 'fewer' then 'see other people in this row'
        else 'would reject this row (' || coalesce(string_agg(distinct f.error_message, '; '), '') || ')' end
    || '; it stays as it was imported' as error_message,
    'kept' as row_status,
    any_value(f.import_id) as import_id
from lost as l
left join new_findings as f on l.row_number = f.row_number and f.row_status = 'rejected'
group by l.row_number, l.how;
