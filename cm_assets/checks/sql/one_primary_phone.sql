-- Persons of the import with several primary phones, or with valid ones of which none is primary.
with people as (
    select distinct person_id
    from person_sources
    where import_id = %(import_id)s
)
select
    phone_numbers.person_id,
    sum(phone_numbers.is_primary) as primaries,
    count(phone_numbers.phone_e164) as valid_phones
from people
inner join phone_numbers on phone_numbers.person_id = people.person_id
group by phone_numbers.person_id
having primaries > 1 or (primaries = 0 and valid_phones > 0)
limit %(limit)s
