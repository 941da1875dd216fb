-- frequencies
-- How common each name is: the table's own counts, steadied by the US census where the table is small; to a quarter of a
-- bit, so that the probability of a pair does not change with every row that comes in.
-- In:  first_name_counts(name, n), last_name_counts(name, n) of the names that matter, name_totals(first_names, last_names:
--      records that have one), census_first(name, share), census_last(name, share). The census weighs as much as 10,000
--      records.
create or replace macro coarse(share) as power(2, round(4 * log2(share)) / 4);

create or replace table name_frequencies_first_name as
select c.name as first_name, coarse((c.n + 10000 * coalesce(s.share, 0.000005)) / (t.first_names + 10000)) as tf_first_name
from first_name_counts as c
cross join name_totals as t
left join census_first as s on c.name = s.name;

create or replace table name_frequencies_last_name as
select c.name as last_name, coarse((c.n + 10000 * coalesce(s.share, 0.000005)) / (t.last_names + 10000)) as tf_last_name
from last_name_counts as c
cross join name_totals as t
left join census_last as s on c.name = s.name;
