-- What is new in a staged contact history, and what says more of a known touchpoint than we have.
-- In:  staged_touchpoints; known_touchpoints(touchpoint_key, id, has_status, source_date, content_key);
--      placed_rows(row_number, touchpoint_key): rows of this import whose touchpoints are there already.
-- Out: touchpoints_new, touchpoints_changed, touchpoints_confirmed(id, source_date): the same said by a newer source.
--
-- Of several versions of a touchpoint the one with a status counts, then the newest, then the greatest: an order of
-- versions, so that the order of imports makes no difference.
create or replace table touchpoint_winners as
select * exclude (import_id)
from staged_touchpoints as s
anti join (
    select p.row_number
    from placed_rows as p
    inner join staged_touchpoints as t on p.row_number = t.row_number and p.touchpoint_key <> t.touchpoint_key
) as elsewhere on s.row_number = elsewhere.row_number
qualify row_number() over (
    partition by touchpoint_key order by status is not null desc, source_date desc, content_key desc, row_number
) = 1;

create or replace table touchpoints_new as
select s.*, row_number() over (order by s.row_number) - 1 as position
from touchpoint_winners as s
anti join known_touchpoints as k on s.touchpoint_key = k.touchpoint_key;

create or replace table touchpoints_changed as
select k.id, s.*
from touchpoint_winners as s
inner join known_touchpoints as k on s.touchpoint_key = k.touchpoint_key
where s.content_key <> k.content_key
    and (s.status is not null, s.source_date, s.content_key) > (k.has_status = 1, k.source_date, k.content_key);

create or replace table touchpoints_confirmed as
select k.id, s.source_date
from touchpoint_winners as s
inner join known_touchpoints as k on s.touchpoint_key = k.touchpoint_key
where s.content_key = k.content_key and s.source_date > k.source_date;

create or replace table campaign_references as
select distinct campaign_code, campaign_name, touchpoint_type
from (select * from touchpoints_new union all by name select * from touchpoints_changed)
where campaign_code is not null or campaign_name is not null;
