-- Persons of the import with several primary phones, or with valid ones of which none is primary.
select
    person_id,
    sum(is_primary) as primaries,
    count(phone_e164) as valid_phones
from phone_numbers
where person_id in (select person_id from person_sources where import_id = %(import_id)s)
group by person_id
having primaries > 1 or (primaries = 0 and valid_phones > 0)
limit %(limit)s
