-- What staged touchpoints say of being left alone: texts that people sent, notes of calls, and what a platform or an
-- agent took down as status.
-- In:  staged_touchpoints, sms_keywords(keyword, meaning, effective_from, effective_until), variable arrived: nothing was
--      said later, whatever date it has.
-- Out: message_texts(touchpoint_key, row_number, channel, said_at, contact_kind, contact_key, said, status, keyword): one per
--      version of a touchpoint with a contact point; `said` is what the person wrote, or what was noted of a call, in
--      lower case without accents; `keyword` what it means if it is nothing but a keyword.
create or replace table message_texts as
with known as (
    select
        row_number,
        touchpoint_key,
        touchpoint_type as channel,
        least(touchpoint_date, getvariable('arrived')) as said_at,
        case when touchpoint_type = 'email' then 'email' else 'phone' end as contact_kind,
        case when touchpoint_type = 'email' then email_key else phone_e164 end as contact_key,
        json_extract_string(metadata, '$.direction') = 'inbound' as is_inbound,
        json_extract_string(metadata, '$.subject') as message,
        json_extract_string(metadata, '$.note') as note,
        status
    from staged_touchpoints
    where touchpoint_type in ('sms', 'email', 'call')
),
said as (
    select
        * exclude (message, note, is_inbound),
        case
            when channel = 'call' then note
            when is_inbound then concat_ws(' ', message, note)
        end as original,
        case when channel = 'sms' and is_inbound then message end as text
    from known
    where contact_key is not null
)
select
    s.row_number,
    s.touchpoint_key,
    s.channel,
    s.said_at,
    s.contact_kind,
    s.contact_key,
    s.status,
    s.original,
    s.text,
    trim(regexp_replace(lower(strip_accents(replace(s.original, '’', ''''))), '\s+', ' ', 'g')) as said,
    trim(regexp_replace(lower(strip_accents(s.status)), '\s+', ' ', 'g')) as noted,
    k.meaning as keyword
from said as s
left join (
    select distinct regexp_replace(upper(strip_accents(keyword)), '[^A-Z0-9]', '', 'g') as word, meaning,
        effective_from, effective_until
    from sms_keywords
) as k
    on regexp_replace(upper(strip_accents(s.text)), '[^A-Z0-9]', '', 'g') = k.word
    and s.said_at::date >= k.effective_from and s.said_at::date < coalesce(k.effective_until, date '9999-12-31')
where nullif(trim(s.original), '') is not null or nullif(trim(s.status), '') is not null;
