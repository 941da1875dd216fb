-- What the marks of a list of contacts are as opt-outs and as facts.
-- In:  said_marks(row_number, mark, kind, key, said_at, header), mark_parameters(file_date, arrived, source); the macros
--      of suppression_words.sql.
-- Out: marked_opt_outs (`is_dated`: the list gives the day), staged_facts.
--
-- Who is not to be called is not to be texted either: for the rules of do-not-call lists a text is a call (47 CFR
-- 64.1200(e)), and a list does not say what was asked for. A postal address can only be asked not to be mailed.
create or replace table mark_channels as
from (values
    ('do_not_call', 'call'), ('do_not_call', 'sms'), ('call_opt_out', 'call'), ('call_opt_out', 'sms'), ('do_not_text', 'sms'), ('do_not_email', 'email'),
    ('do_not_mail', 'mail'), ('do_not_contact', 'all')
) as channels(mark, channel);

create or replace table marked_opt_outs as
with requests as (
    select
        m.row_number,
        case when m.kind = 'address' then 'mail' else c.channel end as channel,
        m.kind,
        m.key,
        least(coalesce(m.said_at, p.file_date), p.arrived) as opted_out_at,
        m.said_at is not null as is_dated,
        m.header
    from said_marks as m
    inner join mark_channels as c on m.mark = c.mark
    cross join mark_parameters as p
)
select
    row_number() over (order by min(row_number), kind, key, channel, is_dated) as fact_no,
    min(row_number) as row_number,
    channel,
    case when kind = 'phone' then key end as phone_e164,
    case when kind = 'email' then key end as email_key,
    case when kind = 'address' then key end as address_key,
    case when kind = 'name_zip' then key end as name_zip_key,
    max(opted_out_at) as opted_out_at,
    left('Column ' || arg_min(header, row_number), 255) as reason,
    p.source,
    is_dated
from requests
cross join mark_parameters as p
group by channel, kind, key, is_dated, p.source;

-- Without a day of their own they are the same facts in every list; with one, of that day.
create or replace table staged_facts as
select
    m.row_number,
    fact_key_of(m.mark, m.kind, m.key, 'all', null::varchar, m.said_at, null::timestamp, p.source) as fact_key,
    m.mark as fact,
    m.kind as contact_kind,
    m.key as contact_key,
    'all' as channel,
    null::varchar as value,
    least(coalesce(m.said_at, p.file_date), p.arrived) as starts_at,
    null::timestamp as ends_at,
    left('Column ' || m.header, 255) as reason,
    p.source
from said_marks as m
cross join mark_parameters as p
where m.mark in ('litigator', 'deceased');
