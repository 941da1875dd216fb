{{ config(indexes=[{"columns": ["entity_id"], "type": "primary"}, {"columns": ["person_id"], "type": "unique"}]) }}

-- Survivorship over all members of an entity. A name is one unit: it comes, with the entity type, from one member.
with members as (

    select
        *,
        coalesce(last_name, first_name, organization_name) is not null as has_name
    from {{ ref('stg_persons') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by entity_id
            order by is_original desc, is_manually_verified desc, source_date desc, person_id
        ) as golden_rank,
        row_number() over (
            partition by entity_id
            order by has_name desc, is_manually_verified desc, name_source_date desc, is_original desc, person_id
        ) as name_rank,
        row_number() over (
            partition by entity_id
            order by
                date_of_birth is not null desc, is_manually_verified desc, birth_source_date desc, is_original desc,
                person_id
        ) as birth_rank
    from members

),

names as (

    select * from ranked where name_rank = 1

),

summary as (

    select
        entity_id,
        max(case when golden_rank = 1 then person_id end) as person_id,
        max(case when birth_rank = 1 then date_of_birth end) as date_of_birth,
        count(*) as members,
        cast(sum(is_original) as signed) as originals,
        max(entity_type = 'estate') as has_estate_member,
        max(entity_type = 'trust') as has_trust_member,
        max(source_date) as source_date
    from ranked
    group by entity_id

)

select
    summary.entity_id,
    summary.person_id,
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
    summary.date_of_birth,
    summary.members,
    summary.originals,
    summary.has_estate_member,
    summary.has_trust_member,
    summary.source_date
from summary
inner join names
    on names.entity_id = summary.entity_id
