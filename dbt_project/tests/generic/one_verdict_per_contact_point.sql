{# Conservation: every contact point has exactly one verdict, and every verdict a contact point (that there are not two is
   the table's primary key). Joins tables by their primary keys only. #}
{% test one_verdict_per_contact_point(model, contacts) %}
select contacts.entity_id, contacts.contact_key, 'no verdict' as problem
from {{ contacts }} as contacts
left join (select * from {{ model }}) as verdicts
    on verdicts.entity_id = contacts.entity_id and verdicts.contact_key = contacts.contact_key
where verdicts.entity_id is null and {{ of_changed('contacts.entity_id') }}
union all
select verdicts.entity_id, verdicts.contact_key, 'no contact point'
from (select * from {{ model }}) as verdicts
left join {{ contacts }} as contacts
    on contacts.entity_id = verdicts.entity_id and contacts.contact_key = verdicts.contact_key
where contacts.entity_id is null
{% endtest %}
