-- In:  facts_in(row_number, fields as they are), contact_points, fact_words(word, value), known_persons(id),
--      fact_parameters(fact, date_rule, needs_value, first_only, file_date, default_channel, default_value,
--      default_source), fact_contacts(kind, precedence): of which contact points it is one.
-- Out: contact_facts, findings.
create or replace table fact_persons as
select
    i.row_number,
    i.person_raw,
    try_cast(i.person_raw as bigint) as asked_id,
    k.id as person_id
from facts_in as i
left join known_persons as k on try_cast(i.person_raw as bigint) = k.id
where i.person_raw is not null;

create or replace table fact_points as
with every as (
    select row_number, kind, key from contact_points
    union all
    select row_number, 'person', person_id::varchar from fact_persons where person_id is not null
),
wanted as (
    select e.row_number, e.kind, e.key, c.precedence
    from every as e
    inner join fact_contacts as c on e.kind = c.kind
)
select row_number, kind, key
from wanted
qualify not (select first_only from fact_parameters) or precedence = min(precedence) over (partition by row_number);

-- A port is known beforehand; everything else has happened by the day of its list.
create or replace table fact_rows as
with said as (
    select
        i.row_number,
        p.fact,
        p.date_rule,
        p.needs_value,
        p.file_date,
        i.value_raw,
        i.channel_raw,
        coalesce(i.ported_raw, i.starts_raw) as starts_raw,
        i.ends_raw,
        i.revoked_raw,
        case when i.channel_raw is null then p.default_channel else channel_said(i.channel_raw) end as channel,
        w.value as known_value,
        case
            when i.ported_raw is not null and coalesce(w.value, p.default_value) = 'wireless' then 'ported'
            when i.value_raw is null then p.default_value
            else w.value
        end as value,
        (select count(*) from fact_words) > 0 as has_words,
        moment_of(coalesce(i.ported_raw, i.starts_raw)) as starts_at,
        moment_of(i.ends_raw) as ends_at,
        moment_of(i.revoked_raw) as revoked_at,
        left(i.reason_raw, 255) as reason,
        left(coalesce(i.source_raw, p.default_source), 64) as source
    from facts_in as i
    cross join fact_parameters as p
    left join fact_words as w on regexp_replace(lower(i.value_raw), '[^a-z0-9]', '', 'g') = w.word
),
dated as (
    select
        * replace (
            case
                when starts_at between timestamp '1900-01-01' and file_date
                    + case fact when 'wireless' then interval 366 days else interval 1 day end then starts_at
            end as starts_at,
            case when ends_at between timestamp '1900-01-01' and timestamp '9999-01-01' then ends_at end as ends_at,
            case when revoked_at between timestamp '1900-01-01' and file_date + interval 1 day then revoked_at end
                as revoked_at
        )
    from said
)
select
    *,
    case
        when channel is null then 'channel'
        when has_words and value_raw is not null and known_value is null then 'value'
        when needs_value and value is null then 'value'
        when ends_raw is not null and ends_at is null then 'ends_at'
        when starts_at is null and date_rule = 'needed' and revoked_raw is null then 'starts_at'
        when starts_at is null and starts_raw is not null and date_rule <> 'lenient' and revoked_raw is null then 'starts_at'
        when ends_at <= starts_at then 'ends_at'
    end as wrong
from dated;

create or replace table contact_facts as
with stated as (
    select
        row_number, fact, channel, case when has_words then value else left(value_raw, 64) end as value,
        -- A list that says the same without a date on another day says nothing new, unless a later answer may differ.
        case when starts_at is not null or date_rule <> 'lenient' then coalesce(starts_at, file_date) end as said_at,
        coalesce(starts_at, file_date) as starts_at,
        ends_at, reason, source
    from fact_rows
    where wrong is null and (starts_at is not null or date_rule <> 'needed') and (starts_at is not null or revoked_raw is null)
    union all by name
    select
        row_number, fact || '_revoked' as fact, channel, null::varchar as value,
        coalesce(revoked_at, file_date) as said_at, coalesce(revoked_at, file_date) as starts_at,
        null::timestamp as ends_at, reason, source
    from fact_rows
    where wrong is null and revoked_raw is not null
)
select
    s.row_number,
    fact_key_of(s.fact, c.kind, c.key, s.channel, s.value, s.said_at, s.ends_at, s.source) as fact_key,
    s.fact,
    c.kind as contact_kind,
    c.key as contact_key,
    s.channel,
    s.value,
    s.starts_at,
    s.ends_at,
    s.reason,
    s.source
from stated as s
inner join fact_points as c on s.row_number = c.row_number;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select
    row_number,
    case when coalesce(value_raw, '') = '' and wrong = 'value' or wrong = 'starts_at' and starts_raw is null
        or wrong = 'channel' and channel_raw is null then 'MISSING_REQUIRED'
        when wrong in ('value', 'channel') then 'VALIDATION' else 'TYPE' end,
    wrong,
    left(case wrong when 'channel' then channel_raw when 'value' then value_raw when 'ends_at' then ends_raw
        else starts_raw end, 200),
    case wrong
        when 'channel' then 'Not one of call, sms, email, mail, all'
        when 'value' then 'Not one of ' || (select string_agg(distinct value, ', ' order by value) from fact_words)
        when 'ends_at' then 'When it ends is no date after its beginning'
        else 'When it was is not given, or no date up to the day of the list'
    end,
    'rejected'
from fact_rows
where wrong is not null
union all
select row_number, 'VALIDATION', 'person_id', left(person_raw, 200), 'There is no such person', 'rejected'
from fact_persons
where person_id is null
union all
select
    r.row_number, 'MISSING_REQUIRED', c.kinds[1],
    t.raw,
    'Nothing that it could be about: needs ' || array_to_string(c.shown, ' or '), 'rejected'
from fact_rows as r
cross join (
    select
        list(kind order by precedence) as kinds,
        list(case kind when 'phone' then 'a valid phone number' when 'email' then 'a valid e-mail address'
            when 'address' then 'a postal address' when 'name_zip' then 'a person''s name with ZIP'
            else 'a person_id' end order by precedence) as shown
    from fact_contacts
) as c
left join contact_texts as t on r.row_number = t.row_number
where r.wrong is null
    and r.row_number not in (select row_number from fact_points)
    and r.row_number not in (select row_number from fact_persons where person_id is null)
union all
select row_number, 'TYPE', 'starts_at', starts_raw, 'No date up to the day of the list; the file''s date is used', null
from fact_rows
where wrong is null and starts_raw is not null and starts_at is null and revoked_raw is null
union all
select row_number, 'TYPE', 'revoked_at', revoked_raw, 'No date up to the day of the list; the file''s date is used', null
from fact_rows
where wrong is null and revoked_raw is not null and revoked_at is null;

delete from contact_facts where row_number in (select row_number from fact_persons where person_id is null);
