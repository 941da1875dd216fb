-- Persons of the import with several primary e-mail addresses, or with valid ones of which none is primary.
select
    person_id,
    sum(is_primary) as primaries,
    count(email) as valid_emails
from email_addresses
where person_id in (select person_id from person_sources where import_id = %(import_id)s)
group by person_id
having primaries > 1 or (primaries = 0 and valid_emails > 0)
limit %(limit)s
