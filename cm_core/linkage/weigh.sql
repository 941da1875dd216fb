-- The probability of every pair that was ever compared, by how common names are now.
-- In:  base.scored_pairs, name_frequencies_*; in bits: the prior, what the same first and last name say if they are as common
--      as the model's average, and the least that matters.
-- Out: scored(unique_id_l, unique_id_r, match_probability).
create or replace table scored as
with weighed as (
    select
        p.id_l,
        p.id_r,
        p.bits + $prior + coalesce($first_name - log2(f.tf_first_name), 0) + coalesce($last_name - log2(l.tf_last_name), 0)
            as bits
    from base.scored_pairs as p
    left join name_frequencies_first_name as f on p.first_name = f.first_name
    left join name_frequencies_last_name as l on p.last_name = l.last_name
)
select id_l as unique_id_l, id_r as unique_id_r, 1 / (1 + power(2, -bits)) as match_probability
from weighed
where bits >= $least;
