{# Conservation: every contact point has exactly one verdict, and every verdict a contact point. Joins tables by their
   primary keys only: grouping first would hide those from the join. #}
{% test one_verdict_per_contact_point(model, contacts) %}
select contacts.entity_id, contacts.contact_key, 'no verdict' as problem
from {{ contacts }} as contacts
left join {{ model }} as verdicts
    on verdicts.entity_id = contacts.entity_id and verdicts.contact_key = contacts.contact_key
where verdicts.entity_id is null
union all
select verdicts.entity_id, verdicts.contact_key, 'no contact point'
from {{ model }} as verdicts
left join {{ contacts }} as contacts
    on contacts.entity_id = verdicts.entity_id and contacts.contact_key = verdicts.contact_key
where contacts.entity_id is null
union all
select entity_id, contact_key, 'several verdicts'
from {{ model }}
group by entity_id, contact_key
having count(*) > 1
{% endtest %}
