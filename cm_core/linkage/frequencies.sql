-- How common each name is: the table's own counts, steadied by the US census where the table is small.
-- In:  records_for_frequencies(first_name, last_name), census_first(name, share), census_last(name, share). The census
-- weighs as much as 10,000 records.
create or replace table name_frequencies_first_name as
with counted as (
    select first_name as name, count(*) as n from records_for_frequencies where first_name is not null group by all
),
total as (select sum(n) as n from counted)
select c.name as first_name, (c.n + 10000 * coalesce(s.share, 0.000005)) / (t.n + 10000) as tf_first_name
from counted as c
cross join total as t
left join census_first as s on c.name = s.name;

create or replace table name_frequencies_last_name as
with counted as (
    select last_name as name, count(*) as n from records_for_frequencies where last_name is not null group by all
),
total as (select sum(n) as n from counted)
select c.name as last_name, (c.n + 10000 * coalesce(s.share, 0.000005)) / (t.n + 10000) as tf_last_name
from counted as c
cross join total as t
left join census_last as s on c.name = s.name;
