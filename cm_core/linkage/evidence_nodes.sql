-- What evidence is measured on, of exact-tier components.
-- In:  evidence_pairs, base.records, base.legal_records. Out: compared_nodes.
create or replace table compared_nodes as
select
    unique_id as id, coalesce(given_name || ' ', '') || last_name as full_name, given_name as first_name, last_name,
    phones, emails, zips, address_keys, streets, identifiers
from base.records
where unique_id in (select id_l from evidence_pairs union all select id_r from evidence_pairs)
union all
select unique_id, organization_key, null, null, phones, emails, zips, address_keys, streets, identifiers
from base.legal_records
where unique_id in (select id_l from evidence_pairs union all select id_r from evidence_pairs);
