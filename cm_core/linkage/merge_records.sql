-- The records of touched components, in the place of those they had before.
-- In:  new_records, new_legal_records, touched_components(component), components.
-- Out: base.exact_components, base.records, base.legal_records.
delete from base.exact_components where component in (select component from touched_components);

insert into base.exact_components select id, component from components;

delete from base.records where unique_id in (select component from touched_components);

insert into base.records by name from new_records;

delete from base.legal_records where unique_id in (select component from touched_components);

insert into base.legal_records by name from new_legal_records;
