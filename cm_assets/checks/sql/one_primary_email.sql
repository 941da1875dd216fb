-- Persons of the import with several primary e-mail addresses, or with valid ones of which none is primary.
with people as (
    select distinct person_id
    from person_sources
    where import_id = %(import_id)s
)
select
    email_addresses.person_id,
    sum(email_addresses.is_primary) as primaries,
    count(email_addresses.email) as valid_emails
from people
inner join email_addresses on email_addresses.person_id = people.person_id
group by email_addresses.person_id
having primaries > 1 or (primaries = 0 and valid_emails > 0)
limit %(limit)s
