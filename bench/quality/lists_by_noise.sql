-- Pairs by what is hard about either of their rows; a pair may count under several.
-- In:  judged, found. Out: noise, right pairs, found pairs, true pairs.
with pairs as (
    select
        j.is_true,
        j.is_found,
        list_distinct(string_split(concat_ws(' ', nullif(l.noise, ''), nullif(r.noise, '')), ' ')) as noises
    from judged as j
    inner join found as l on j.id_l = l.id
    inner join found as r on j.id_r = r.id
),
kinds as (
    select is_true, is_found, unnest(noises) as noise from pairs
)
select
    case noise when '' then 'nothing' else replace(noise, '_', ' ') end,
    count(*) filter (is_true and is_found),
    count(*) filter (is_found),
    count(*) filter (is_true)
from kinds
group by noise
order by noise
