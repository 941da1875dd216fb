-- Which campaign a touchpoint names: by code; else by name, of the touchpoint's own channel first. Never one of several.
-- In:  campaign_references(campaign_code, campaign_name, touchpoint_type): what touchpoints say;
--      campaign_names(campaign_id, code, name, type): every code and name a campaign was ever listed under.
-- Out: campaign_resolved(campaign_code, campaign_name, touchpoint_type, campaign_id), campaign_id null where none is.
create or replace table campaign_resolved as
with names as (
    select distinct campaign_id, upper(code) as code, upper(trim(regexp_replace(name, '\s+', ' ', 'g'))) as name, type
    from campaign_names
),
said as (
    select distinct campaign_code, campaign_name, touchpoint_type from campaign_references
),
named as (
    select r.*, n.campaign_id, 1 as precedence
    from said as r inner join names as n on r.campaign_code = n.code
    union all
    select r.*, n.campaign_id, 2
    from said as r inner join names as n on r.campaign_name = n.code
    where r.campaign_code is null
    union all
    select r.*, n.campaign_id, case when n.type = r.touchpoint_type then 3 else 4 end
    from said as r inner join names as n on r.campaign_name = n.name
    where r.campaign_code is null or n.code is null
),
-- A name is a campaign's of another channel only where no campaign of that name has the touchpoint's own.
best as (
    select *
    from named
    qualify precedence = min(precedence) over (partition by campaign_code, campaign_name, touchpoint_type)
),
decided as (
    select campaign_code, campaign_name, touchpoint_type, min(campaign_id) as campaign_id
    from best
    group by all
    having count(distinct campaign_id) = 1
)
select s.*, d.campaign_id
from said as s
left join decided as d
    on s.campaign_code is not distinct from d.campaign_code
    and s.campaign_name is not distinct from d.campaign_name
    and s.touchpoint_type = d.touchpoint_type;
