{{ config(indexes=[{"columns": ["entity_id"], "type": "primary"}]) }}

-- Entities that a build by changes makes anew: those that writers logged, those whose verdict ran out, and the other
-- holders of contact points that these hold and that a request or a fact about a person names, since whom it is about
-- depends on how many hold it. Empty in a full
-- build. The marts it reads are those of the build before.
-- depends_on: {{ ref('stg_persons') }}, {{ ref('stg_phone_numbers') }}, {{ ref('stg_email_addresses') }}
-- depends_on: {{ ref('stg_addresses') }}, {{ ref('stg_opt_outs') }}, {{ ref('stg_contact_facts') }}
with logged as (

    select distinct entity_id
    from {{ source('canonical', 'changes_in_build') }}
    where {{ 'entity_id > 0' if by_changes() else '1 = 0' }}
    {%- if by_changes() %}
    {%- for channel in ['call', 'sms', 'email', 'mail'] %}
    union distinct
    select entity_id
    from {{ this.schema }}.compliance_{{ channel }}
    where valid_until <= {{ as_of() }}
    {%- endfor %}
    {%- endif %}

)

select entity_id from logged
{%- if by_changes() %}
{%- for kind, contacts, key, before, held in [
    ('phone', 'stg_phone_numbers', 'phone_e164', 'int_entity_phones', 'phone_e164'),
    ('email', 'stg_email_addresses', 'email_key', 'int_entity_emails', 'contact_key'),
    ('address', 'stg_addresses', 'address_key', 'int_entity_addresses', 'contact_key'),
] %}
{%- for facts, condition in [
    ('stg_opt_outs', 'facts.' ~ key ~ ' = contacts.' ~ key),
    ('stg_contact_facts', "facts.contact_kind = '" ~ kind ~ "' and facts.contact_key = contacts." ~ key
        ~ " and facts.fact in " ~ facts_of_persons()),
] %}
union distinct
select others.entity_id
from logged
inner join {{ ref('stg_persons') }} as persons
    on persons.entity_id = logged.entity_id
inner join {{ ref(contacts) }} as contacts
    on contacts.person_id = persons.person_id
inner join {{ ref(facts) }} as facts
    on {{ condition }}
inner join {{ this.schema }}.{{ before }} as others
    on others.{{ held }} = contacts.{{ key }}
{%- endfor %}
{%- endfor %}
{%- endif %}
