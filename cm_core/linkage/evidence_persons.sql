-- What evidence is measured on, of single persons.
-- In:  evidence_pairs, component_*. Out: compared_nodes.
create or replace table compared_nodes as
select
    n.component as id,
    coalesce(n.name.first || ' ', '') || coalesce(n.name.last, n.organization.key) as full_name,
    n.name.first as first_name,
    n.name.last as last_name,
    coalesce(p.phones, []) as phones,
    coalesce(e.emails, []) as emails,
    coalesce(a.zips, []) as zips,
    coalesce(a.address_keys, []) as address_keys,
    coalesce(a.streets, []) as streets,
    coalesce(i.identifiers, []) as identifiers
from component_names as n
left join component_phones as p using (component)
left join component_emails as e using (component)
left join component_addresses as a using (component)
left join component_identifiers as i using (component)
where n.component in (select id_l from evidence_pairs union all select id_r from evidence_pairs);
