-- What columns say about whom not to contact, by contact point.
-- In:  marks_in(row_number, ordinal, mark, by_no, of_raw, raw, header): cells of such columns, `of_raw` the phone cell
--      that one is about, `by_no` where a no says it (OK to Call); mark_words(by_no, word, is_mark);
--      mark_nothing(blank, nought); mark_kinds(mark, kind, precedence): which contact points of a row a mark is about;
--      phone_values, row_phones, row_emails, row_addresses, addresses (stage_contacts.sql), parameters(file_date); the
--      macros of dates.sql.
-- Out: marks(row_number, mark, kind, key, said_at, header): said_at where the list gives the day; findings.
create or replace table mark_values as
with texts as (
    select
        raw,
        by_no,
        moment_of(raw) as moment,
        -- A mere 0 is a no, which says it in a column that permits; a date that is nought says nothing.
        regexp_full_match(raw, n.blank)
            or (regexp_full_match(raw, n.nought) and (not by_no or regexp_matches(raw, '[-/:]'))) as is_nothing,
        [
            regexp_replace(regexp_replace(lower(part), '^\s*(\d+)\.0+\s*$', '\1'), '[^a-z0-9]', '', 'g')
            for part in regexp_split_to_array(raw, '[;,|\n]')
            if not regexp_full_match(part, n.blank)
        ] as words
    from (select distinct raw, by_no from marks_in)
    cross join mark_nothing as n
),
known as (
    select by_no, list(word) filter (where not is_mark) as no_words, list(word) as all_words
    from mark_words
    group by by_no
)
select
    t.raw,
    t.by_no,
    -- The day on which somebody was asked, where a yes permits.
    t.is_nothing or (t.by_no and t.moment is not null) or len([w for w in t.words if not list_contains(k.no_words, w)]) = 0 as is_no,
    t.moment is not null or len([w for w in t.words if not list_contains(k.all_words, w)]) = 0 as is_plain,
    case when not t.by_no and t.moment between timestamp '1970-01-01' and p.file_date + interval 1 day then t.moment end as said_at
from texts as t
inner join known as k on t.by_no = k.by_no
cross join parameters as p;

create or replace table marks_said as
select m.row_number, m.mark, m.of_raw, max(v.said_at) as said_at, arg_min(m.header, m.ordinal) as header
from marks_in as m
inner join mark_values as v on m.raw = v.raw and m.by_no = v.by_no
where not v.is_no
group by m.row_number, m.mark, m.of_raw;

create or replace table marked_points as
select row_number, 'phone' as kind, phone_e164 as key, null::varchar as of_raw from row_phones where phone_e164 is not null
union
select row_number, 'email', email_key, null from row_emails where email is not null
union
select row_number, 'address', address_key, null
from row_addresses
where street is not null and (zip is not null or (city is not null and state is not null))
union
select row_number, 'name_zip', name_zip_key, null from addresses where name_zip_key is not null
union
-- Who has died is the owner, not who is named beside.
select row_number, 'owner', name_zip_key, null from addresses where name_zip_key is not null and party_no = 1
union
select m.row_number, 'phone', v.phone_e164, m.of_raw
from marks_said as m
inner join phone_values as v on m.of_raw = v.raw
where v.phone_e164 is not null;

create or replace table marks as
with found as (
    select m.row_number, m.mark, p.kind, p.key, m.said_at, m.header, k.precedence, k.first_only
    from marks_said as m
    inner join mark_kinds as k on m.mark = k.mark
    inner join marked_points as p on m.row_number = p.row_number and k.kind = p.kind and m.of_raw is not distinct from p.of_raw
    qualify not k.first_only or k.precedence = min(k.precedence) over (partition by m.row_number, m.mark)
)
select
    row_number, mark, case kind when 'owner' then 'name_zip' else kind end as kind, key, max(said_at) as said_at,
    min(header) as header
from found
group by row_number, mark, kind, key;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select distinct
    m.row_number, 'VALIDATION', m.mark, left(m.raw, 200),
    'Neither a yes nor a no; it counts as a ' || case when m.by_no then 'no' else 'yes' end, null
from marks_in as m
inner join mark_values as v on m.raw = v.raw and m.by_no = v.by_no
where not v.is_no and not v.is_plain;
