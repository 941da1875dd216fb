-- Where everybody stands by this run, and what that depends on: rows, links of the component, decisions.
-- In:  clusters(person_id, cluster), exact_components, base, evidence, must_link, golden_choices.
-- Out: standings(person_id, cluster, signature).
create or replace table standings as
with theirs as (
    select o.person_id, bit_xor(hash(o.row_id, i.parts)) as signature
    from base.owned as o
    inner join base.imports as i on o.row_id >> 40 = i.import_no
    group by o.person_id
),
links as (
    select id, bit_xor(signature) as signature
    from (
        select id_l as id, hash(e) as signature from evidence as e
        union all
        select id_r, hash(e) from evidence as e
    )
    group by id
),
decided as (
    select person_id, bit_xor(signature) as signature
    from (
        select id_l as person_id, hash(m) as signature from must_link as m
        union all
        select id_r, hash(m) from must_link as m
        union all
        select person_id, hash(g) from golden_choices as g
    )
    group by person_id
)
select
    c.person_id,
    c.cluster,
    hash(t.signature, l.signature, d.signature) as signature
from clusters as c
left join theirs as t on c.person_id = t.person_id
left join exact_components as x on c.person_id = x.id
left join links as l on x.component = l.id
left join decided as d on c.person_id = d.person_id;
