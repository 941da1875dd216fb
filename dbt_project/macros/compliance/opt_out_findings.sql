{#
  Findings from what people asked for, the same for every channel:
    opt_out_contact  the contact point itself is opted out, wherever it appears
    opt_out_person   the entity asked (it is named, or it alone holds the contact point that asked)
    opt_out_shared   one of several holders of a contact point asked, nobody knows which
  `contacts`: model of contact points; `kind`, `key`: how int_contact_opt_outs knows them.
#}
{% macro opt_out_findings(contacts, kind, key, channel) %}
select contacts.entity_id, contacts.contact_key, 'opt_out_contact' as reason_code, asked.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_contact_opt_outs') }} as asked
    on asked.contact_kind = '{{ kind }}' and asked.contact_key = contacts.{{ key }} and asked.channel = '{{ channel }}'
union all
select
    contacts.entity_id,
    contacts.contact_key,
    case when asked.is_certain = 1 then 'opt_out_person' else 'opt_out_shared' end as reason_code,
    asked.evidence
from {{ contacts }} as contacts
inner join {{ ref('int_entity_opt_outs') }} as asked
    on asked.entity_id = contacts.entity_id and asked.channel = '{{ channel }}'
{% endmacro %}
