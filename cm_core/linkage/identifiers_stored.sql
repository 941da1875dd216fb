-- What the ids of a few persons are worth, by the kinds and fillers of the whole base.
-- In:  base.held_ids (of the few), stored (a whole base), rules. Out: base.person_identifiers.
delete from base.person_identifiers;

insert into base.person_identifiers
with fillers as (
    select id_type, id_key
    from stored.held_ids, rules as r
    where (id_type, id_key) in (select (id_type, id_key) from base.held_ids)
    group by id_type, id_key, r.shared_max
    having r.shared_max > 0 and count(distinct surname) > r.shared_max
)
select distinct h.person_id, h.id_type, h.id_type || '|' || h.id_key, t.is_personal
from base.held_ids as h
inner join stored.identifier_types as t on h.id_type = t.id_type
anti join fillers as f on h.id_type = f.id_type and h.id_key = f.id_key
where t.is_used;
