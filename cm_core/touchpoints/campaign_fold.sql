-- What the lists say of the campaigns that an import speaks of: each field from the newest list that has it.
-- In:  staged_campaigns; campaigns_now; campaign_facts(campaign_key, import_id, row_number, …, operation): rows of all
--      lists so far, this import's too if it was applied before; this_import(import_id).
-- Out: campaigns_folded(campaign_key, …, is_new, is_changed, is_touched); campaign_rows: this import's new rows.
create or replace table campaign_new_rows as
select s.* exclude (import_id), i.import_id
from staged_campaigns as s
cross join this_import as i
anti join (
    select row_number from campaign_facts where import_id = (select import_id from this_import)
) as f on s.row_number = f.row_number;

create or replace table campaigns_folded as
with facts as (
    select campaign_key, import_id, row_number, code, name, type, start_date, end_date, source_date from campaign_facts
    union all by name
    select campaign_key, import_id, row_number, code, name, type, start_date, end_date, source_date
    from campaign_new_rows
),
folded as (
    select
        campaign_key,
        arg_max(code, (source_date, code)) filter (where code is not null) as code,
        arg_max(name, (source_date, name)) filter (where name is not null) as name,
        arg_max(type, (source_date, type)) filter (where type is not null) as type,
        arg_max(start_date, (source_date, start_date)) filter (where start_date is not null) as start_date,
        arg_max(end_date, (source_date, end_date)) filter (where end_date is not null) as end_date,
        max(source_date) as source_date,
        min(import_id) as first_import_id,
        max(import_id) as last_import_id
    from facts
    semi join campaign_new_rows using (campaign_key)
    group by campaign_key
)
select
    f.* replace (coalesce(f.name, f.code) as name),
    n.id is null as is_new,
    (f.code, coalesce(f.name, f.code), f.type, f.start_date, f.end_date)
    is distinct from (n.code, n.name, n.type, n.start_date, n.end_date) as is_changed,
    (f.source_date, f.first_import_id, f.last_import_id)
    is distinct from (n.source_date, n.first_import_id, n.last_import_id) as is_touched
from folded as f
left join campaigns_now as n on f.campaign_key = n.campaign_key;

-- Of several rows about a campaign the first one counts as what became of it.
create or replace table campaign_rows as
select
    r.row_number,
    r.campaign_key,
    r.code,
    r.name,
    r.type,
    r.start_date,
    r.end_date,
    r.source_date,
    case
        when row_number() over (partition by r.campaign_key order by r.row_number) > 1 then 'skipped'
        when f.is_new then 'inserted'
        when f.is_changed then 'updated'
        else 'skipped'
    end as operation
from campaign_new_rows as r
inner join campaigns_folded as f on r.campaign_key = f.campaign_key;
