-- In:  campaigns_in(row_number, code_raw, name_raw, type_raw, start_date_raw, end_date_raw), campaign_parameters.
-- Out: campaigns, rows_dated, findings.
create or replace table campaigns_read as
select
    i.*,
    comparable(i.code_raw) as code_key,
    comparable(i.name_raw) as name_key,
    case when i.type_raw is null then p.default_type else channel_of(i.type_raw) end as type,
    moment_of(i.start_date_raw)::date as start_date,
    moment_of(i.end_date_raw)::date as end_date,
    length(i.code_raw) > 64 or length(i.name_raw) > 255 as is_too_long,
    p.file_date as source_date
from campaigns_in as i
cross join campaign_parameters as p;

create or replace table campaigns as
select
    row_number,
    coalesce('code:' || code_key, 'name:' || name_key || '|' || coalesce(type, '')) as campaign_key,
    code_key as code,
    name_raw as name,
    type,
    start_date,
    end_date,
    source_date
from campaigns_read
where coalesce(code_raw, name_raw) is not null and not coalesce(is_too_long, false);

create or replace view rows_dated as select row_number, source_date from campaigns_read;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, 'MISSING_REQUIRED', 'name', null, 'Neither a code nor a name of a campaign', 'rejected'
from campaigns_read
where coalesce(code_raw, name_raw) is null
union all
select row_number, 'VALIDATION', 'name', left(concat_ws(' ', code_raw, name_raw), 200),
    'A code is at most 64, a name at most 255 characters long', 'rejected'
from campaigns_read
where is_too_long
union all
select row_number, 'VALIDATION', 'type', type_raw, 'Not one of mail, sms, call, email; the campaign is kept without', null
from campaigns_read
where type_raw is not null and type is null
union all
select row_number, 'TYPE', 'start_date', start_date_raw, 'Not a date; the campaign is kept without', null
from campaigns_read
where start_date_raw is not null and start_date is null
union all
select row_number, 'TYPE', 'end_date', end_date_raw, 'Not a date; the campaign is kept without', null
from campaigns_read
where end_date_raw is not null and end_date is null;
