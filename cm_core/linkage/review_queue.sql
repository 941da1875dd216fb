-- What a person should look at: pairs in doubt, and pairs that clustering refused, unless they were decided or are one by
-- other pairs. Components go by their lowest person.
-- In:  doubts, component_evidence (the evidence that clustering started from), refused_edges, forbidden, clusters.
-- Out: queue(person_id, other_id, cause, match_probability, match_score, match_tier, match_reason, value).
--
-- The value of asking is the doubt (the entropy of the probability, in bits) times the pairs of persons that the answer
-- decides. Of a refused pair the model was sure; that another rule is against it is doubt enough.
create or replace table asked as
select id_l, id_r, match_probability, tier, score, reason, cause, match_probability as chance from doubts
union all
select e.id_l, e.id_r, e.match_probability, e.tier, e.score, e.reason, r.cause, least(e.match_probability, 0.9)
from refused_edges as r
inner join component_evidence as e on r.id_l = e.id_l and r.id_r = e.id_r
where r.cause <> 'decided';

create or replace table asked_clusters as
select person_id as component, cluster
from clusters
where person_id in (select id_l from asked union all select id_r from asked);

-- A table of its own: planned within the query, the sizes of the joins are guessed far too low.
create or replace table placed_components as
select a.component, a.cluster, s.persons
from asked_clusters as a
inner join (
    select cluster, count(*) as persons from clusters where cluster in (select cluster from asked_clusters) group by cluster
) as s on a.cluster = s.cluster;

create or replace table queue as
select
    least(a.id_l, a.id_r) as person_id,
    greatest(a.id_l, a.id_r) as other_id,
    a.cause,
    a.match_probability::decimal(9, 8) as match_probability,
    coalesce(a.score, 0)::decimal(5, 2) as match_score,
    a.tier::smallint as match_tier,
    left(a.reason, 100) as match_reason,
    least(
        -(chance * log2(chance) + (1 - chance) * log2(1 - chance)) * l.persons * r.persons, 99999999
    )::decimal(12, 4) as value
from (select * replace (greatest(least(chance, 0.999999), 0.000001) as chance) from asked) as a
inner join placed_components as l on a.id_l = l.component
inner join placed_components as r on a.id_r = r.component
anti join forbidden as f on least(a.id_l, a.id_r) = f.id_l and greatest(a.id_l, a.id_r) = f.id_r
where l.cluster <> r.cluster
order by value desc, person_id, other_id
limit $places;
