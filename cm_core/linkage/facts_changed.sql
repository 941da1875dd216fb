-- What changed rows bring and take away is worked into what `base` knows of all others.
-- In:  new_holders, changed_rows, changed_persons, base.
-- Out: base.holders, base.shared_contacts, base.row_facts as they are now; dirty_persons(person_id): those who have a changed
--      row, or whose facts or countable contacts are others than they were.
create or replace table met_contacts as
select contact from new_holders
union
select contact from base.holders where row_id in (select row_id from changed_rows);

create or replace table holders_before as
from base.holders where contact in (select contact from met_contacts);

delete from base.holders where row_id in (select row_id from changed_rows);

insert into base.holders from new_holders;

create or replace table holders_now as
from base.holders where contact in (select contact from met_contacts);

create or replace table contacts_before as from weighed_contacts('holders_before');

create or replace table contacts_now as from weighed_contacts('holders_now');

create or replace table changed_contacts as
select coalesce(n.contact, b.contact) as contact, n.is_shared is distinct from b.is_shared as is_shared_anew
from contacts_now as n
full join contacts_before as b on n.contact = b.contact
where (n.is_shared, n.named, n.only_named, n.classes, n.only_class, n.apart)
    is distinct from (b.is_shared, b.named, b.only_named, b.classes, b.only_class, b.apart);

delete from base.shared_contacts where contact in (select contact from met_contacts);

insert into base.shared_contacts select kind, contact, surnames from contacts_now where is_shared;

-- Whom a changed contact lends a name: what their other contacts are to them may be otherwise, too.
create or replace table borrowing_lines as
select distinct row_id >> 8 as line
from holders_now
where contact in (select contact from changed_contacts) and (is_borrower or class = 'N');

create or replace table borrowed_contacts as
from base.holders where row_id >> 8 in (select line from borrowing_lines);

create or replace table holders_to_key as
from holders_now
where contact in (select contact from changed_contacts) or row_id in (select row_id from changed_rows)
union
from borrowed_contacts;

create or replace table other_holders as
from base.holders
where contact in (select contact from borrowed_contacts) and contact not in (select contact from met_contacts);

create or replace table contacts_to_key as
from contacts_now
union all
from weighed_contacts('other_holders');

create or replace view contact_keys as from keys_of('holders_to_key', 'contacts_to_key');

create or replace table lent_keys as from lent_of('contact_keys');

create or replace table keyed_rows as from facts_of('contact_keys', 'lent_keys');

create or replace table new_facts as from first_of_each_line('keyed_rows');

create or replace table old_facts as
from base.row_facts
where contact in (select contact from changed_contacts) or row_id in (select row_id from borrowed_contacts);

delete from base.row_facts
where contact in (select contact from changed_contacts) or row_id in (select row_id from changed_rows)
    or row_id in (select row_id from borrowed_contacts);

insert into base.row_facts from new_facts;

create or replace table dirty_persons as
select person_id from changed_persons
union
select person_id from (select person_id, row_id, code from new_facts except select person_id, row_id, code from old_facts)
union
select person_id from (select person_id, row_id, code from old_facts except select person_id, row_id, code from new_facts)
union
select person_id from holders_now where contact in (select contact from changed_contacts where is_shared_anew);
