-- All rows are new.
-- In:  new_holders, changed_persons, an empty base.
-- Out: base.holders, base.shared_contacts, base.row_facts; dirty_persons(person_id): everybody.
insert into base.holders from new_holders;

create or replace view all_holders as from base.holders;

create or replace table contacts_now as from weighed_contacts('all_holders');

insert into base.shared_contacts select kind, contact, surnames from contacts_now where is_shared;

create or replace view contact_keys as from keys_of('all_holders', 'contacts_now');

create or replace table lent_keys as from lent_of('contact_keys');

create or replace table keyed_rows as from facts_of('contact_keys', 'lent_keys');

insert into base.row_facts from first_of_each_line('keyed_rows');

create or replace table dirty_persons as from changed_persons;
