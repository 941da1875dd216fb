-- In: suppressions_in(row_number, raw, email_raw, channel_raw, date_raw, reason, source_raw), phone_values,
--     email_values, parameters. Out: opt_outs, findings.
create or replace table requests as
select
    i.row_number,
    i.raw as phone_raw,
    i.email_raw,
    i.channel_raw,
    i.date_raw,
    case
        when i.channel_raw is null then p.default_channel
        when lower(i.channel_raw) in ('all', 'any', 'every', '*', 'everything', 'all channels') then 'all'
        when lower(i.channel_raw) in ('call', 'calls', 'phone', 'voice', 'telephone', 'dnc') then 'call'
        when lower(i.channel_raw) in ('sms', 'text', 'texts', 'txt', 'mms', 'message') then 'sms'
        when lower(i.channel_raw) in ('email', 'e-mail', 'emails', 'e-mails') then 'email'
        when lower(i.channel_raw) in ('mail', 'postal', 'direct mail', 'letter', 'post') then 'mail'
    end as channel,
    case
        when regexp_full_match(i.raw, '[2-9][0-9]{9}') then '+1' || i.raw
        when regexp_full_match(regexp_replace(i.raw, '[^0-9]', '', 'g'), '[2-9][0-9]{9}')
            then '+1' || regexp_replace(i.raw, '[^0-9]', '', 'g')
        else v.phone_e164
    end as phone_e164,
    case when e.email is not null then e.email_key end as email_key,
    coalesce(
        try_strptime(i.date_raw, [
            '%Y-%m-%d', '%m/%d/%Y', '%Y%m%d', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%d %H:%M:%S',
            '%m/%d/%Y %H:%M', '%m/%d/%Y %I:%M %p'
        ]),
        try_cast(i.date_raw as timestamptz)::timestamp
    ) as said_at,
    left(i.reason, 255) as reason,
    coalesce(left(i.source_raw, 64), p.default_source) as source,
    p.file_date
from suppressions_in as i
cross join parameters as p
left join phone_values as v on i.raw = v.raw
left join email_values as e on i.email_raw = e.raw;

create or replace table opt_outs as
select distinct
    row_number, channel, phone_e164, email_key, coalesce(said_at, file_date) as opted_out_at, reason, source
from requests
where channel is not null and coalesce(phone_e164, email_key) is not null;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select distinct row_number, 'VALIDATION', 'channel', channel_raw, 'Not one of call, sms, email, mail, all', 'rejected'
from requests
where channel is null
union all
select distinct
    row_number,
    'MISSING_REQUIRED',
    'phone',
    coalesce(phone_raw, email_raw),
    'Neither a valid phone number nor a valid e-mail address',
    'rejected'
from requests
where channel is not null and row_number not in (select row_number from opt_outs)
union all
select distinct row_number, 'VALIDATION', 'phone', phone_raw, 'Part of the cell is no valid phone number', null
from requests
where phone_raw is not null and phone_e164 is null and row_number in (select row_number from opt_outs)
union all
select distinct row_number, 'TYPE', 'opted_out_at', date_raw, 'Not a date; the file''s date is used', null
from requests
where date_raw is not null and said_at is null;
