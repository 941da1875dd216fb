{{ config(materialized='view') }}

-- The life of a lead: every import that named one of its persons, every contact made, every request and fact, and every
-- merge and split, of all members of an entity. Ask for one entity, ordered by `happened_at`.
select
    persons.entity_id,
    persons.person_id,
    imports.uploaded_at as happened_at,
    {{ as_text("'import'") }} as event,
    {{ as_text('null') }} as channel,
    {{ as_text("concat(sources.operation, ' by ', imports.filename, ' row ', sources.`row_number`)") }} as detail,
    {{ as_text('imports.feed') }} as source,
    {{ as_text('sources.import_id') }} as import_id
from {{ ref('stg_persons') }} as persons
inner join {{ ref('stg_person_sources') }} as sources
    on sources.person_id = persons.person_id
inner join {{ ref('stg_import_metadata') }} as imports
    on imports.import_id = sources.import_id
union all
select
    persons.entity_id,
    persons.person_id,
    touchpoints.touched_at,
    {{ as_text("case when touchpoints.channel = 'crm' then 'crm' else 'touch' end") }},
    {{ as_text('touchpoints.channel') }},
    {{ as_text("case
        when touchpoints.channel = 'crm' then concat_ws(
            ', ', json_unquote(json_extract(touchpoints.metadata, '$.kind')), touchpoints.status,
            json_unquote(json_extract(touchpoints.metadata, '$.subject'))
        )
        else concat_ws(
            ', ', touchpoints.status, coalesce(touchpoints.campaign_code, touchpoints.campaign_name),
            touchpoints.phone_e164, touchpoints.email_key
        )
    end") }},
    {{ as_text('touchpoints.source') }},
    {{ as_text('touchpoints.import_id') }}
from {{ ref('stg_persons') }} as persons
inner join {{ ref('stg_touchpoints') }} as touchpoints
    on touchpoints.person_id = persons.person_id
union all
select
    asked.entity_id,
    null,
    asked.starts_at,
    {{ as_text("case when asked.is_certain = 1 then 'opt_out' else 'opt_out of a shared contact' end") }},
    {{ as_text('asked.channel') }},
    {{ as_text('asked.evidence') }},
    {{ as_text("'opt_outs'") }},
    {{ as_text('null') }}
from {{ ref('int_entity_opt_outs') }} as asked
union all
select
    facts.entity_id,
    null,
    facts.starts_at,
    {{ as_text('facts.fact') }},
    {{ as_text('facts.channel') }},
    {{ as_text('facts.evidence') }},
    {{ as_text("'contact_facts'") }},
    {{ as_text('null') }}
from {{ ref('int_entity_facts') }} as facts
union all
select
    persons.entity_id,
    persons.person_id,
    merges.created_at,
    {{ as_text('merges.action') }},
    {{ as_text('null') }},
    {{ as_text("concat('with person ', merges.original_person_id, coalesce(concat(': ', merges.match_reason), ''))") }},
    {{ as_text('merges.job_id') }},
    {{ as_text('null') }}
from {{ ref('stg_persons') }} as persons
inner join {{ ref('stg_dedup_audit_log') }} as merges
    on merges.duplicate_person_id = persons.person_id
