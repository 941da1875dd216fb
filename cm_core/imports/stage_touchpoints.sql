-- In:  touchpoints_in (a row's texts by field), touchpoint_parameters, and what stage_contacts.sql made of the people:
--      parties, phones, emails, addresses, rows_dated, findings.
-- Out: touchpoints, findings.
--
-- `details_raw` is a JSON object of what else the source says. `source_date` is the row's own, where the feed has one:
-- of two versions of a record the later one counts, whichever file was read first.
create or replace table history as
select
    i.*,
    coalesce(channel_of(i.touchpoint_type_raw), p.default_type) as touchpoint_type,
    direction_of(i.direction_raw, i.touchpoint_type_raw, p.default_direction) as direction,
    coalesce(
        case when i.touchpoint_time_raw is not null and not contains(i.touchpoint_date_raw, ':')
            then moment_of(i.touchpoint_date_raw || ' ' || i.touchpoint_time_raw) end,
        moment_of(i.touchpoint_date_raw)
    ) as said_at,
    i.touchpoint_time_raw is not null and not contains(i.touchpoint_date_raw, ':')
        and moment_of(i.touchpoint_date_raw || ' ' || i.touchpoint_time_raw) is null as is_without_time,
    case when length(i.external_id_raw) <= 255 then i.external_id_raw end as external_id,
    case when length(i.campaign_code_raw) <= 64 then comparable(i.campaign_code_raw) end as campaign_code,
    case when length(i.campaign_name_raw) <= 255 then comparable(i.campaign_name_raw) end as campaign_name,
    left(coalesce(i.source_raw, p.default_source), 64) as source,
    case
        when regexp_full_match(i.duration_raw, '\d+(\.\d+)?') then round(i.duration_raw::double)
        when regexp_full_match(i.duration_raw, '\d{1,3}:\d{2}')
            then split_part(i.duration_raw, ':', 1)::int * 60 + split_part(i.duration_raw, ':', 2)::int
        when regexp_full_match(i.duration_raw, '\d{1,3}:\d{2}:\d{2}')
            then split_part(i.duration_raw, ':', 1)::int * 3600 + split_part(i.duration_raw, ':', 2)::int * 60
                + split_part(i.duration_raw, ':', 3)::int
    end::bigint as duration_seconds,
    try_cast(regexp_replace(i.cost_raw, '[$,\s]', '', 'g') as decimal(18, 4)) as cost,
    case when json_type(try_cast(i.details_raw as json)) = 'OBJECT' then i.details_raw::json end as details,
    d.source_date,
    p.file_date,
    p.may_name_nobody
from touchpoints_in as i
inner join rows_dated as d on i.row_number = d.row_number
cross join touchpoint_parameters as p;

delete from findings
where error_type = 'MISSING_REQUIRED' and field_name = 'name'
    and (select may_name_nobody from touchpoint_parameters);

create or replace table dated_history as
select
    *,
    case when said_at between timestamp '1970-01-01' and file_date + interval 366 days then said_at end
        as touchpoint_date
from history;

-- The first party of a row is whose touchpoint it is.
create or replace table row_keys as
with first_phone as (
    select row_number, min(phone_e164) as phone_e164 from phones where party_no = 1 and is_first group by row_number
),
first_email as (
    select row_number, min(email_key) as email_key from emails where party_no = 1 and is_first group by row_number
),
first_address as (
    select
        row_number,
        min(address_key) filter (where is_first) as address_key,
        arg_min(name_zip_key, (not is_first, name_zip_key)) filter (where name_zip_key is not null) as name_zip_key
    from addresses
    where party_no = 1
    group by row_number
)
select
    p.row_number,
    p.first_key,
    p.last_key,
    nullif(generation_of(p.name_suffix), '') as generation,
    p.organization_key,
    f.phone_e164,
    e.email_key,
    a.name_zip_key,
    a.address_key
from parties as p
left join first_phone as f on p.row_number = f.row_number
left join first_email as e on p.row_number = e.row_number
left join first_address as a on p.row_number = a.row_number
where p.party_no = 1;

create or replace table touchpoints as
with described as (
    select
        h.row_number,
        h.touchpoint_type,
        h.touchpoint_date,
        left(h.status_raw, 32) as status,
        k.phone_e164,
        k.email_key,
        k.name_zip_key,
        nullif(k.first_key, '') as first_key,
        k.generation,
        nullif(k.organization_key, '') as organization_key,
        h.campaign_code,
        h.campaign_name,
        h.source,
        h.external_id,
        json_merge_patch('{}'::json, coalesce(h.details, '{}'::json), json_object(
            'direction', h.direction,
            'duration_seconds', h.duration_seconds,
            'duration', case when h.duration_seconds is null then h.duration_raw end,
            'cost', coalesce(h.cost::double::varchar::json, to_json(h.cost_raw)),
            'kind', h.kind_raw,
            'subject', h.subject_raw,
            'agent', h.agent_raw,
            'note', h.note_raw,
            'campaign_code', h.campaign_code_raw,
            'campaign', h.campaign_name_raw,
            'status', case when length(h.status_raw) > 32 then h.status_raw end
        ))::varchar as metadata,
        h.source_date,
        concat_ws(
            chr(31), h.direction, k.phone_e164, chr(30), k.email_key, chr(30), k.first_key, k.last_key, k.generation,
            k.organization_key, chr(30), k.name_zip_key, chr(30), k.address_key, chr(30), h.campaign_code, chr(30),
            h.campaign_name
        ) as content
    from dated_history as h
    left join row_keys as k on h.row_number = k.row_number
    where h.touchpoint_type is not null and h.touchpoint_date is not null
        and (k.row_number is not null or h.may_name_nobody)
)
select
    row_number,
    sha256(concat_ws(
        chr(31),
        touchpoint_type,
        case when external_id is not null then 'id' || chr(31) || lower(source) || chr(31) || external_id
            else 'content' || chr(31) || strftime(touchpoint_date, '%Y-%m-%dT%H:%M:%S.%f') || chr(31) || content end
    )) as touchpoint_key,
    * exclude (row_number, content, source_date),
    md5(concat_ws(
        chr(31), touchpoint_type, strftime(touchpoint_date, '%Y-%m-%dT%H:%M:%S.%f'), coalesce(status, chr(30)), content,
        metadata
    )) as content_key,
    source_date
from described;

insert into findings (row_number, error_type, field_name, field_value, error_message, row_status)
select row_number, case when touchpoint_date_raw is null then 'MISSING_REQUIRED' else 'TYPE' end, 'touchpoint_date',
    left(touchpoint_date_raw, 200), 'When it happened is not given, or no date between 1970 and a year from now', 'rejected'
from dated_history
where touchpoint_date is null
union all
select row_number, case when touchpoint_type_raw is null then 'MISSING_REQUIRED' else 'VALIDATION' end,
    'touchpoint_type', left(touchpoint_type_raw, 200), 'Not one of mail, sms, call, email', 'rejected'
from dated_history
where touchpoint_type is null
union all
select row_number, 'TYPE', 'touchpoint_time', touchpoint_time_raw, 'Not a time of day; only the date is used', null
from dated_history
where is_without_time and touchpoint_date is not null
union all
select row_number, 'VALIDATION', 'external_id', left(external_id_raw, 200), 'Longer than 255 characters; kept raw only', null
from dated_history
where length(external_id_raw) > 255
union all
select row_number, 'VALIDATION', 'campaign', left(coalesce(campaign_code_raw, campaign_name_raw), 200),
    'A code longer than 64 or a name longer than 255 characters; kept raw only', null
from dated_history
where length(campaign_code_raw) > 64 or length(campaign_name_raw) > 255;
