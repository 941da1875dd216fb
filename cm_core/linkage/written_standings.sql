-- Where everybody stands by this run, and what that depends on: rows, contacts and ids as far as they count, links of the
-- component, decisions.
-- In:  clusters(person_id, cluster), exact_components, base, evidence, must_link, golden_choices.
-- Out: standings(person_id, cluster, signature).
create or replace table standings as
with theirs as (
    select o.person_id, bit_xor(hash(o.row_id, i.parts)) as signature
    from base.owned as o
    inner join base.imports as i on o.row_id >> 40 = i.import_no
    group by o.person_id
),
too_common as (
    select person_id, bit_xor(hash(contact)) as signature
    from (select distinct person_id, contact from base.holders where contact in (select contact from base.shared_contacts))
    group by person_id
),
ids as (
    select person_id, bit_xor(hash(key, is_personal)) as signature from base.person_identifiers group by person_id
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
    hash(t.signature, s.signature, i.signature, l.signature, d.signature) as signature
from clusters as c
left join theirs as t on c.person_id = t.person_id
left join too_common as s on c.person_id = s.person_id
left join ids as i on c.person_id = i.person_id
left join exact_components as x on c.person_id = x.id
left join links as l on x.component = l.id
left join decided as d on c.person_id = d.person_id;
