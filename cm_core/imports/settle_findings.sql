-- Complete the findings of a chunk: the status of each, the raw text of rejected rows; make `rows` of what stays.
-- In:  source_rows(row_number, raw), findings, rows_dated(row_number, source_date),
--      seen_rows(row_number, digest, bytes), rejected_rows(row_number, raw): the chunks before.
-- Out: rows(row_number, source_date, raw); findings, seen_rows and rejected_rows are added to.
update findings
set row_status = case
    when row_number in (select row_number from findings where row_status = 'rejected') then 'rejected'
    else 'kept'
end
where row_status is null;

insert into rejected_rows
select
    s.row_number,
    case when s.row_number in (select row_number from findings where error_type = 'PRIVACY') then '' else s.raw end
from source_rows as s
semi join (select row_number from findings where row_status = 'rejected') as f on s.row_number = f.row_number;

update findings
set raw_row = r.raw
from rejected_rows as r
where findings.row_number = r.row_number and findings.row_status = 'rejected' and findings.raw_row is null;

-- 64 bits and the length: two different rows of a file that agree in both are not to be expected.
insert into seen_rows select row_number, hash(raw), strlen(raw) from source_rows;

create or replace view rows as
select s.row_number, d.source_date, s.raw
from source_rows as s
inner join rows_dated as d on s.row_number = d.row_number
anti join (select row_number from findings where row_status = 'rejected') as f on s.row_number = f.row_number;
