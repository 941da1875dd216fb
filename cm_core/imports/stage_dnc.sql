-- In: suppressions_in(row_number, raw, date_raw, source_raw), phone_values, parameters. Out: dnc, findings.
-- A listed number need not be assigned to anybody: ten digits that no rule of numbering forbids are enough.
create or replace table numbered as
select
    i.row_number,
    i.raw,
    case
        when regexp_full_match(i.raw, '[2-9][0-9]{9}') then '+1' || i.raw
        when regexp_full_match(regexp_replace(i.raw, '[^0-9]', '', 'g'), '[2-9][0-9]{9}')
            then '+1' || regexp_replace(i.raw, '[^0-9]', '', 'g')
        else v.phone_e164
    end as phone_e164,
    coalesce(
        try_strptime(i.date_raw, ['%Y-%m-%d', '%m/%d/%Y', '%Y%m%d', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S'])
    )::date as listing_date,
    i.date_raw,
    coalesce(left(i.source_raw, 32), p.default_source) as source
from suppressions_in as i
cross join parameters as p
left join phone_values as v on i.raw = v.raw and v.seq = 1
where i.raw is null or i.raw not in (select raw from phone_values where seq > 1);

create or replace table dnc as
select row_number, phone_e164, listing_date, source
from numbered
where phone_e164 is not null;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, 'VALIDATION', 'phone', raw, 'Not a telephone number of ten digits', 'rejected'
from numbered
where phone_e164 is null
union all
select row_number, 'VALIDATION', 'phone', raw, 'Several numbers in one cell; put each on a line of its own', 'rejected'
from suppressions_in
where raw in (select raw from phone_values where seq > 1)
union all
select row_number, 'TYPE', 'listing_date', date_raw, 'Not a date; the number is listed without one', null
from numbered
where date_raw is not null and listing_date is null;
