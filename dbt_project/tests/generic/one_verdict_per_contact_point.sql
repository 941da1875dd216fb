{# Conservation: every contact point has exactly one verdict, and every verdict a contact point. #}
{% test one_verdict_per_contact_point(model, contacts) %}
with verdicts as (

    select entity_id, contact_key, count(*) as verdicts
    from {{ model }}
    group by entity_id, contact_key

)

select contacts.entity_id, contacts.contact_key, coalesce(verdicts.verdicts, 0) as verdicts
from {{ contacts }} as contacts
left join verdicts
    on verdicts.entity_id = contacts.entity_id and verdicts.contact_key = contacts.contact_key
where coalesce(verdicts.verdicts, 0) <> 1
union all
select verdicts.entity_id, verdicts.contact_key, verdicts.verdicts
from verdicts
left join {{ contacts }} as contacts
    on contacts.entity_id = verdicts.entity_id and contacts.contact_key = verdicts.contact_key
where contacts.entity_id is null
{% endtest %}
