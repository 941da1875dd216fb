-- In: requests_in(row_number, channel_raw, date_raw, reason, source_raw), contact_points, opt_out_parameters (its
--     default channel may be several, a blank between them).
-- Out: opt_outs, findings.
-- One request per telephone and e-mail address that a row names together, per postal address, and per person.
create or replace table requests as
select
    i.row_number,
    i.channel_raw,
    i.date_raw,
    unnest(
        case when i.channel_raw is null then string_split(p.default_channel, ' ') else [channel_said(i.channel_raw)] end
    ) as channel,
    moment_of(i.date_raw) as said_at,
    left(i.reason, 255) as reason,
    left(coalesce(i.source_raw, p.default_source), 64) as source,
    p.file_date,
    p.arrived
from requests_in as i
cross join opt_out_parameters as p;

create or replace table request_contacts as
with phones as (
    select row_number, key as phone_e164 from contact_points where kind = 'phone'
),
emails as (
    select row_number, key as email_key from contact_points where kind = 'email'
)
select coalesce(f.row_number, e.row_number) as row_number, f.phone_e164, e.email_key,
    null::varchar as address_key, null::varchar as name_zip_key
from phones as f
full join emails as e on f.row_number = e.row_number
union all
select row_number, null, null, case when kind = 'address' then key end, case when kind = 'name_zip' then key end
from contact_points
where kind in ('address', 'name_zip');

-- A postal address can only be asked not to be mailed. Who asked has asked by the time that the list arrives: what is
-- dated later, by a slip of the year or as the day from which it counts, holds at once.
create or replace table opt_outs as
select
    r.row_number,
    case when c.address_key is not null then 'mail' else r.channel end as channel,
    c.phone_e164,
    c.email_key,
    c.address_key,
    c.name_zip_key,
    least(coalesce(r.said_at, r.file_date), r.arrived) as opted_out_at,
    r.reason,
    r.source
from requests as r
inner join request_contacts as c on r.row_number = c.row_number
where r.channel is not null and (c.address_key is null or r.channel in ('mail', 'all'));

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, 'VALIDATION', 'channel', channel_raw, 'Not one of call, sms, email, mail, all', 'rejected'
from requests
where channel is null
union all
select distinct
    r.row_number,
    'MISSING_REQUIRED',
    'phone',
    t.raw,
    'No valid phone number, e-mail address or postal address, and no person with a ZIP'
    || case when r.row_number in (select row_number from contact_points)
        then '; a postal address alone can only opt out of mail' else '' end,
    'rejected'
from requests as r
left join contact_texts as t on r.row_number = t.row_number
where r.channel is not null and r.row_number not in (select row_number from opt_outs)
union all
select distinct
    row_number,
    'TYPE',
    'opted_out_at',
    date_raw,
    case when said_at is null then 'Not a date; the file''s date is used'
        else 'In the future; it holds from the time of arrival on' end,
    null
from requests
where date_raw is not null
    and (said_at is null or said_at > arrived + interval 1 day)
    and row_number in (select row_number from opt_outs);
