{# Every entity that has contact points has exactly one primary among them. #}
{% test one_primary_per_entity(model) %}
select entity_id, sum(is_primary) as primaries
from {{ model }}
group by entity_id
having sum(is_primary) <> 1
{% endtest %}
