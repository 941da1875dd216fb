-- Rows of a full replay that are in already and that the present rules would leave out.
-- In:  applied_rows, new_rows. Out: lost(row_number, how).
create or replace table lost as
select row_number, 'rejected' as how
from applied_rows
anti join new_rows using (row_number);
