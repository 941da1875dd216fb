{{ config(materialized="by_entity", indexes=[
    {"columns": ["entity_id", "contact_key", "channel"], "type": "primary"},
]) }}

-- Contact points that an exemption of their own or of their person helps at as_of(), or will.
with matched as (
    {% for channels, contacts in [
        ("('call', 'sms')", 'int_entity_phones'), ("('email')", 'int_entity_emails'), ("('mail')", 'int_entity_addresses')
    ] %}
    select contacts.entity_id, contacts.contact_key, exemptions.channel, exemptions.basis, exemptions.starts_at,
        exemptions.ends_at
    from {{ ref('int_entity_exemptions') }} as exemptions
    inner join {{ ref(contacts) }} as contacts
        on contacts.entity_id = exemptions.entity_id
        and (exemptions.contact_key is null or exemptions.contact_key = contacts.contact_key)
    where exemptions.channel in {{ channels }} and {{ of_changed('exemptions.entity_id') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    entity_id,
    contact_key,
    channel,
    max({{ holds('matched') }} and basis in ('consent', 'written_consent')) as has_consent,
    max({{ holds('matched') }} and basis = 'written_consent') as has_written_consent,
    max({{ holds('matched') }} and basis = 'relationship') as has_relationship,
    min({{ next_change('matched') }}) as next_change
from matched
group by entity_id, contact_key, channel
