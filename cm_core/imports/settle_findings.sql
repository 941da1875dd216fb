-- Complete the findings: rows repeated word for word, the status of each finding, the raw text of rejected rows.
insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
with repeated as (
    select
        row_number,
        min(row_number) over (partition by md5_number(raw)) as first_row
    from source_rows
)
select row_number, 'DUPLICATE', null, null, 'The same as row ' || first_row || ' in every column', null
from repeated
where row_number > first_row;

update findings
set row_status = case
    when row_number in (select row_number from findings where row_status = 'rejected') then 'rejected'
    else 'kept'
end
where row_status is null;

update findings
set raw_row = s.raw
from source_rows as s
where findings.row_number = s.row_number and findings.row_status = 'rejected' and findings.raw_row is null;

create or replace table rows as
select s.row_number, s.raw
from source_rows as s
anti join (select row_number from findings where row_status = 'rejected') as f on s.row_number = f.row_number;
