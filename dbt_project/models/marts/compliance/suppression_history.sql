{{ config(materialized='view') }}

-- Everything that ever spoke for or against using a contact point or reaching a person, in the order in which it began:
-- requests, other facts, and what do-not-call lists said of numbers that people here have.
select
    opted_out_at as happened_at,
    {{ as_text("'opt_out'") }} as event,
    {{ as_text("case
        when phone_e164 is not null then 'phone'
        when email_key is not null then 'email'
        when address_key is not null then 'address'
        when name_zip_key is not null then 'name_zip'
        else 'person'
    end") }} as contact_kind,
    {{ as_text('coalesce(phone_e164, email_key, address_key, name_zip_key, person_id)') }} as contact_key,
    person_id,
    {{ as_text('channel') }} as channel,
    {{ as_text('null') }} as value,
    {{ as_text('reason') }} as reason,
    {{ as_text('source') }} as source,
    {{ as_text('import_id') }} as import_id,
    `row_number`
from {{ ref('stg_opt_outs') }}
union all
select
    starts_at,
    {{ as_text('fact') }},
    {{ as_text('contact_kind') }},
    {{ as_text('contact_key') }},
    person_id,
    {{ as_text('channel') }},
    {{ as_text('value') }},
    {{ as_text('reason') }},
    {{ as_text('source') }},
    {{ as_text('import_id') }},
    `row_number`
from {{ ref('stg_contact_facts') }}
{%- for event, happened_at, import_id in [
    ('dnc_listed', 'coalesce(listed_from, listing_date)', 'first_import_id'),
    ('dnc_removed', 'removed_at', 'last_import_id'),
] %}
union all
select
    {{ happened_at }},
    {{ as_text("'" ~ event ~ "'") }},
    {{ as_text("'phone'") }},
    {{ as_text('phone_e164') }},
    null,
    {{ as_text("'all'") }},
    {{ as_text('source') }},
    {{ as_text('null') }},
    {{ as_text('source') }},
    {{ as_text(import_id) }},
    null
from {{ ref('stg_dnc_registry') }}
{%- if event == 'dnc_removed' %}
where removed_at is not null
{%- endif %}
{%- endfor %}
