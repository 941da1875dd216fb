-- Touchpoints of a person who does not exist, or with a person and a reason for having none, or with neither.
select
    touchpoints.id as touchpoint_id,
    touchpoints.person_id,
    touchpoints.match_key,
    touchpoints.unmatched_reason
from touchpoints
left join persons on persons.id = touchpoints.person_id
where touchpoints.import_id = %(import_id)s
    and (
        (touchpoints.person_id is not null and persons.id is null)
        or (touchpoints.person_id is null) <> (touchpoints.unmatched_reason is not null)
        or (touchpoints.person_id is null) <> (touchpoints.match_key is null)
    )
limit %(limit)s
