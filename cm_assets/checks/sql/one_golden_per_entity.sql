-- Entities without a golden record, or with several.
select entity_id, count(*) as persons, sum(is_original) as golden
from persons
group by entity_id
having golden <> 1
limit %(limit)s
