-- In: suppressions_in(row_number, raw, date_raw, action_raw, source_raw), phone_values, parameters; the macros of dates.sql. Out: dnc, findings.
-- A listed number need not be assigned to anybody: ten digits that no rule of numbering forbids are enough.
-- Change lists say of each number whether it was added (A) or deleted (D), and when; `number_columns.py` has the words.
create or replace table numbered as
select
    i.row_number,
    i.raw,
    case
        when regexp_full_match(i.raw, '[2-9][0-9]{9}') then i.raw::bigint
        when regexp_full_match(regexp_replace(i.raw, '[^0-9]', '', 'g'), '1?[2-9][0-9]{9}')
            then right(regexp_replace(i.raw, '[^0-9]', '', 'g'), 10)::bigint
        when regexp_full_match(v.phone_e164, '[+]1[2-9][0-9]{9}') then right(v.phone_e164, 10)::bigint
    end as number,
    moment_of(i.date_raw) as dated,
    i.date_raw,
    case
        when upper(trim(i.action_raw)) in ('A', 'ADD', 'ADDED', 'ADDITION') then 'A'
        when upper(trim(i.action_raw)) in ('D', 'DEL', 'DELETE', 'DELETED', 'DELETION') then 'D'
    end as action,
    i.action_raw,
    p.is_change_list,
    i.source_raw,
    case
        when i.source_raw is null then p.default_source
        -- `reported` is what lists of contacts say: no list takes a number out of it.
        when regexp_replace(lower(i.source_raw), '[^a-z0-9]', '', 'g') = 'reported' then null
        else nullif(
            trim(left(regexp_replace(lower(strip_accents(i.source_raw)), '[^a-z0-9]+', '_', 'g'), 32), '_'), ''
        )
    end as source
from suppressions_in as i
cross join parameters as p
left join phone_values as v on i.raw = v.raw and v.seq = 1
where i.raw is null or i.raw not in (select raw from phone_values where seq > 1);

create or replace table dnc as
select
    row_number,
    number,
    case when not is_change_list then dated::date end as listing_date,
    source,
    action,
    case when is_change_list then dated end as changed_at
from numbered
where number is not null and source is not null and (action is not null or not is_change_list);

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, 'VALIDATION', 'phone', raw, 'Not a US telephone number of ten digits', 'rejected'
from numbered
where number is null
union all
select row_number, 'VALIDATION', 'phone', raw, 'Several numbers in one cell; put each on a line of its own', 'rejected'
from suppressions_in
where raw in (select raw from phone_values where seq > 1)
union all
select row_number, 'VALIDATION', 'action', action_raw, 'Neither A (added) nor D (deleted)', 'rejected'
from numbered
where is_change_list and action is null
union all
select row_number, 'VALIDATION', 'source', source_raw, 'Not the name of a list (letters a to z and digits; `reported` is taken)', 'rejected'
from numbered
where source is null
union all
select
    row_number, 'TYPE', 'listing_date', date_raw,
    case
        when is_change_list then 'Not a date; the change counts as of the file''s date'
        else 'Not a date; the number is listed without one'
    end,
    null
from numbered
where date_raw is not null and dated is null;
