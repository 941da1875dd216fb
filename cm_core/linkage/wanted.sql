-- Differences between the links there should be and those there are.
-- In:  must_link, placed, entities, links_now (person_duplicates), evidence (golden and duplicate as id_l, id_r in either order).
-- Out: wanted_links, gone_links, new_links, changed_links, changed_persons, new_goldens.
create or replace table wanted_links as
select
    p.golden_id as original_id,
    p.id as duplicate_id,
    coalesce(e.score, 0)::decimal(5, 2) as match_score,
    left(coalesce('decided by ' || d.decided_by, e.reason, 'through another record'), 100) as match_reason,
    e.tier::smallint as match_tier,
    e.match_probability::decimal(9, 8) as match_probability
from placed as p
left join evidence as e on p.golden_id = e.id_l and p.id = e.id_r
left join must_link as d on least(p.golden_id, p.id) = d.id_l and greatest(p.golden_id, p.id) = d.id_r
where p.golden_id <> p.id;

create or replace table gone_links as
select n.* from links_now as n
anti join wanted_links as w on n.duplicate_id = w.duplicate_id and n.original_id = w.original_id;

create or replace table new_links as
select w.* from wanted_links as w
anti join links_now as n on n.duplicate_id = w.duplicate_id and n.original_id = w.original_id;

create or replace table changed_links as
select n.id, w.*
from wanted_links as w
inner join links_now as n on n.duplicate_id = w.duplicate_id and n.original_id = w.original_id
where w.match_score is distinct from n.match_score
    or w.match_reason is distinct from n.match_reason
    or w.match_tier is distinct from n.match_tier
    or w.match_probability is distinct from n.match_probability;

create or replace table changed_persons as
select p.id, (p.golden_id = p.id) as is_original, e.entity_id
from placed as p
inner join entities as e on p.cluster = e.cluster
where (p.golden_id = p.id) is distinct from p.was_original or e.entity_id is distinct from p.entity_id;

-- A golden record that replaces another.
create or replace table new_goldens as
select distinct w.original_id, n.original_id as former_id
from wanted_links as w
inner join links_now as n on w.duplicate_id = n.duplicate_id
where w.original_id <> n.original_id;

-- What the golden record lacks and the duplicate has (seed E4), for the audit log.
create or replace table merged_fields as
select
    l.original_id,
    l.duplicate_id,
    to_json(struct_pack(
        fields := list_filter([
            case when g.first_name is null and d.first_name is not null then 'first_name' end,
            case when g.middle_name is null and d.middle_name is not null then 'middle_name' end,
            case when g.last_name is null and d.last_name is not null then 'last_name' end,
            case when g.name_suffix is null and d.name_suffix is not null then 'name_suffix' end,
            case when g.organization_name is null and d.organization_name is not null then 'organization_name' end,
            case when g.date_of_birth is null and d.date_of_birth is not null then 'date_of_birth' end
        ], lambda f: f is not null),
        phones := list_filter(coalesce(dp.phones, []), lambda x: not list_contains(coalesce(gp.phones, []), x)),
        emails := list_filter(coalesce(de.emails, []), lambda x: not list_contains(coalesce(ge.emails, []), x)),
        addresses := list_filter(
            coalesce(da.address_keys, []), lambda x: not list_contains(coalesce(ga.address_keys, []), x)
        )
    ))::varchar as merged_fields
from new_links as l
inner join persons_now as g on l.original_id = g.id
inner join persons_now as d on l.duplicate_id = d.id
left join component_phones as gp on l.original_id = gp.component
left join component_phones as dp on l.duplicate_id = dp.component
left join component_emails as ge on l.original_id = ge.component
left join component_emails as de on l.duplicate_id = de.component
left join component_addresses as ga on l.original_id = ga.component
left join component_addresses as da on l.duplicate_id = da.component;
