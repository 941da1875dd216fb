-- What the ids of a few persons are worth, by the kinds and fillers of the whole base.
-- In:  base.held_ids (of the few), stored (a whole base). Out: base.person_identifiers.
delete from base.person_identifiers;

insert into base.person_identifiers
select distinct h.person_id, h.id_type, h.id_type || '|' || h.id_key, t.is_personal
from base.held_ids as h
inner join stored.identifier_types as t on h.id_type = t.id_type
where t.is_used and (h.id_type, h.id_key) not in (select (id_type, id_key) from stored.id_keys where is_filler);
