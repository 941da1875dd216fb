{{ config(indexes=[{"columns": ["entity_id"], "type": "primary"}]) }}

-- Entities that a build by changes makes anew: those that writers logged, those whose verdict ran out, and the other
-- holders of opted-out contact points that these hold, since who asked depends on how many hold it. Empty in a full
-- build. The marts it reads are those of the build before.
-- depends_on: {{ ref('stg_persons') }}, {{ ref('stg_phone_numbers') }}, {{ ref('stg_email_addresses') }}
-- depends_on: {{ ref('stg_addresses') }}, {{ ref('stg_opt_outs') }}
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
{%- for contacts, key, before, held in [
    ('stg_phone_numbers', 'phone_e164', 'int_entity_phones', 'phone_e164'),
    ('stg_email_addresses', 'email_key', 'int_entity_emails', 'contact_key'),
    ('stg_addresses', 'address_key', 'int_entity_addresses', 'contact_key'),
] %}
union distinct
select others.entity_id
from logged
inner join {{ ref('stg_persons') }} as persons
    on persons.entity_id = logged.entity_id
inner join {{ ref(contacts) }} as contacts
    on contacts.person_id = persons.person_id
inner join {{ ref('stg_opt_outs') }} as asked
    on asked.{{ key }} = contacts.{{ key }}
inner join {{ this.schema }}.{{ before }} as others
    on others.{{ held }} = contacts.{{ key }}
{%- endfor %}
{%- endif %}
