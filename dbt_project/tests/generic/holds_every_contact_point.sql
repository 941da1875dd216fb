{# Conservation against the canonical tables. A warning: an import that commits between build and test shows here. #}
{% test holds_every_contact_point(model, of, key) %}
{{ config(severity='warn') }}
select held.{{ key }}, persons.entity_id
from {{ of }} as held
inner join {{ ref('stg_persons') }} as persons
    on persons.person_id = held.person_id
left join (select * from {{ model }}) as contacts
    on contacts.entity_id = persons.entity_id and contacts.contact_key = held.{{ key }}
where contacts.entity_id is null and {{ of_changed('persons.entity_id') }}
{% endtest %}
