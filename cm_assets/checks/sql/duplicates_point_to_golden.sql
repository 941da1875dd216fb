-- Persons whose flag and links contradict one another: a duplicate without a link, a golden record that is linked
-- as a duplicate, a link to somebody who is not golden or belongs to another entity.
select
    persons.id as person_id,
    persons.is_original,
    persons.entity_id,
    person_duplicates.original_id,
    golden.is_original as original_is_golden,
    golden.entity_id as original_entity_id
from persons
left join person_duplicates on person_duplicates.duplicate_id = persons.id
left join persons as golden on golden.id = person_duplicates.original_id
where (persons.is_original = 1 and person_duplicates.duplicate_id is not null)
    or (persons.is_original = 0 and person_duplicates.duplicate_id is null)
    or (person_duplicates.duplicate_id is not null and golden.is_original = 0)
    or (person_duplicates.duplicate_id is not null and golden.entity_id <> persons.entity_id)
limit %(limit)s
