-- Rows that repeat an earlier row of the file in every column: said, not left out.
-- In:  seen_rows(row_number, digest, bytes), rejected_rows(row_number, raw) of the whole file. Out: findings.
insert into findings
with firsts as (
    select digest, bytes, min(row_number) as first_row
    from seen_rows
    group by digest, bytes
    having count(*) > 1
)
select
    s.row_number,
    'DUPLICATE',
    null,
    null,
    'The same as row ' || f.first_row || ' in every column',
    case when r.row_number is null then 'kept' else 'rejected' end,
    r.raw
from seen_rows as s
inner join firsts as f on s.digest = f.digest and s.bytes = f.bytes
left join rejected_rows as r on s.row_number = r.row_number
where s.row_number > f.first_row;
