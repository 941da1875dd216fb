{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id"], "type": "primary"},
    {"columns": ["person_id"], "type": "unique"},
]) }}

-- Survivorship over all members of an entity. A name is one unit: it comes, with the entity type, from one member.
-- The record that a person chose as golden comes first, the last choice before earlier ones.
-- Most entities have one member: only the others are ranked, by narrow rows.
with members as (

    select * from {{ ref('stg_persons') }} where {{ of_changed('entity_id') }}

),

chosen as (

    select * from {{ ref('stg_golden_choices') }}

),

summary as (

    select
        entity_id,
        count(*) as members,
        min(person_id) as only_person_id,
        cast(sum(is_original) as signed) as originals,
        max(entity_type = 'estate') as has_estate_member,
        max(entity_type = 'trust') as has_trust_member,
        max(source_date) as source_date
    from members
    group by entity_id

),

ranked as (

    select
        members.entity_id,
        members.person_id,
        row_number() over (
            partition by members.entity_id
            order by
                members.is_original desc, members.is_manually_verified desc, members.source_date desc,
                members.person_id
        ) as golden_rank,
        row_number() over (
            partition by members.entity_id
            order by
                coalesce(members.last_name, members.first_name, members.organization_name) is not null desc,
                chosen.chosen_at desc, members.is_manually_verified desc, members.name_source_date desc,
                members.is_original desc, members.person_id
        ) as name_rank,
        row_number() over (
            partition by members.entity_id
            order by
                members.date_of_birth is not null desc, chosen.chosen_at desc, members.is_manually_verified desc,
                members.birth_source_date desc, members.is_original desc, members.person_id
        ) as birth_rank
    from members
    inner join summary
        on summary.entity_id = members.entity_id and summary.members > 1
    left join chosen
        on chosen.person_id = members.person_id

),

choices as (

    select
        entity_id,
        max(case when golden_rank = 1 then person_id end) as person_id,
        max(case when name_rank = 1 then person_id end) as name_person_id,
        max(case when birth_rank = 1 then person_id end) as birth_person_id
    from ranked
    group by entity_id
    union all
    select entity_id, only_person_id, only_person_id as name_person_id, only_person_id as birth_person_id
    from summary
    where members = 1

)

select
    summary.entity_id,
    choices.person_id,
    names.entity_type,
    names.name_prefix,
    names.first_name,
    names.middle_name,
    names.last_name,
    names.name_suffix,
    names.organization_name,
    case
        when names.entity_type <> 'person' and names.organization_name is not null then names.organization_name
        else coalesce(
            nullif(concat_ws(' ', names.first_name, names.middle_name, names.last_name, names.name_suffix), ''),
            names.organization_name
        )
    end as display_name,
    births.date_of_birth,
    choices.name_person_id,
    choices.birth_person_id,
    summary.members,
    summary.originals,
    summary.has_estate_member,
    summary.has_trust_member,
    summary.source_date
from choices
inner join summary
    on summary.entity_id = choices.entity_id
inner join members as names
    on names.person_id = choices.name_person_id
inner join members as births
    on births.person_id = choices.birth_person_id
