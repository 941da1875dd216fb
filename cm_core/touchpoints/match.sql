-- Whose touchpoints these are: phone, then e-mail, then name and ZIP, as far as a key names exactly one entity.
-- In:  touchpoints_in(id, phone_e164, email_key, name_zip_key, first_key, generation, organization_key, person_id,
--      match_key, unmatched_reason); touchpoint_name_classes(first_key, name_class);
--      touchpoint_holders(kind, contact, person_id, entity_id, member_id, entity_type, first_key, last_key,
--      name_suffix, organization_key, name_source_date, name_parts, name_text): who has the contact, with each member of their
--      entity;
--      touchpoint_shared(kind, contact): contacts that are no keys.
-- Out: touchpoint_matches(id, person_id, match_key, unmatched_reason): what differs from what the touchpoints have.
--
-- The guards are those of contacts (upsert/keys.sql): a phone needs the same first name where the touchpoint names
-- somebody, organisations the same name. An entity goes by its newest name, whoever of its persons has it.
create or replace table touchpoint_asked as
with keyed as (
    select id, 1 as precedence, 'phone' as kind, phone_e164 as contact, first_key, generation, organization_key
    from touchpoints_in
    union all
    select id, 2, 'email', email_key, first_key, generation, organization_key from touchpoints_in
    union all
    select id, 3, 'name_zip', name_zip_key, first_key, generation, organization_key from touchpoints_in
)
select k.*, c.name_class || '|' || coalesce(k.generation, '') as class
from keyed as k
left join touchpoint_name_classes as c on k.first_key = c.first_key
where k.contact is not null;

create or replace table touchpoint_entities as
with members as (
    select distinct
        entity_id, member_id, entity_type, first_key, name_suffix, organization_key, name_source_date, name_parts, name_text
    from touchpoint_holders
),
newest as (
    select distinct on (entity_id) *
    from members
    order by entity_id, name_source_date desc nulls last, name_parts desc, name_text, member_id
)
select
    n.entity_id,
    n.organization_key,
    n.entity_type in ('organization', 'trust', 'estate', 'government') as is_organization,
    c.name_class || '|' || generation_of(n.name_suffix) as class
from newest as n
left join touchpoint_name_classes as c on n.first_key = c.first_key;

-- How well each holder fits: 1 before 2 before 3, null not at all. A mailbox may be a couple's.
create or replace table touchpoint_candidates as
select
    a.id,
    a.precedence,
    a.kind,
    h.person_id,
    h.entity_id,
    case
        when a.kind = 'name_zip' then 1
        when a.organization_key is not null then
            case when e.organization_key = a.organization_key then 1 when not e.is_organization and e.class is null then 2 end
        when a.kind = 'email' then
            case
                when not e.is_organization and (a.class is null or a.class = e.class) then 1
                when not e.is_organization then 2
                when a.class is null then 3
            end
        when a.class is null or a.class = e.class then 1
        when not e.is_organization and e.class is null then 2
    end as fit
from touchpoint_asked as a
inner join (select distinct kind, contact, person_id, entity_id from touchpoint_holders) as h
    on a.kind = h.kind and a.contact = h.contact
inner join touchpoint_entities as e on h.entity_id = e.entity_id
anti join touchpoint_shared as s on a.kind = s.kind and a.contact = s.contact;

create or replace table touchpoint_by_key as
with best as (
    select *
    from touchpoint_candidates
    where fit is not null
    qualify fit = min(fit) over (partition by id, kind)
)
select id, precedence, kind, count(distinct entity_id) as entities, min(person_id) as person_id
from best
group by id, precedence, kind;

create or replace table touchpoint_matches as
with decided as (
    select distinct on (id) id, kind, person_id
    from touchpoint_by_key
    where entities = 1
    order by id, precedence
),
reasons as (
    select
        a.id,
        case
            when bool_or(coalesce(k.entities, 0) > 1) then 'ambiguous'
            when bool_or(s.contact is not null) then 'shared'
            when bool_or(c.id is not null) then 'other_name'
            else 'unknown'
        end as reason
    from touchpoint_asked as a
    left join touchpoint_by_key as k on a.id = k.id and a.kind = k.kind
    left join touchpoint_shared as s on a.kind = s.kind and a.contact = s.contact
    left join (select distinct id, kind from touchpoint_candidates) as c on a.id = c.id and a.kind = c.kind
    group by a.id
),
found as (
    select
        t.id,
        d.person_id,
        d.kind as match_key,
        case when d.id is null then coalesce(r.reason, 'no_key') end as unmatched_reason
    from touchpoints_in as t
    left join decided as d on t.id = d.id
    left join reasons as r on t.id = r.id
)
select f.*
from found as f
inner join touchpoints_in as t on f.id = t.id
where (f.person_id, f.match_key, f.unmatched_reason) is distinct from (t.person_id, t.match_key, t.unmatched_reason);
