-- Exact-tier facts: which row carries which key. The rules are those of resolve (architecture, "Resolve and apply"), applied
-- to all source rows at once, so that the outcome does not depend on the order of imports. What changed rows bring and take
-- away is worked into what `base` knows of all others.
-- In:  changed_rows, changed_persons, identities and source_* of the changed rows, rules, base.
-- Out: base.holders, base.shared_contacts, base.row_facts as they are now; dirty_persons(person_id): those who have a changed
--      row, or whose facts or countable contacts are others than they were.
create or replace table new_holders as
with contacts as (
    select row_id, person_id, 'email' as kind, hash('email', email_key) as contact from source_emails
    union
    select row_id, person_id, 'phone', hash('phone', phone_e164)
    from source_phones
    where phone_type is distinct from 'fax'
)
select
    c.row_id,
    c.person_id,
    c.kind,
    c.contact,
    case when c.kind = 'email' then i.email_class else i.phone_class end as class,
    i.surname
from contacts as c
inner join identities as i on c.row_id = i.row_id;

create or replace table gone_holders as
from base.holders where row_id in (select row_id from changed_rows);

create or replace table met_contacts as
select contact from new_holders
union
select contact from gone_holders;

create or replace table holders_before as
from base.holders where contact in (select contact from met_contacts);

delete from base.holders where row_id in (select row_id from changed_rows);

insert into base.holders from new_holders;

create or replace view holders_now as
from base.holders where contact in (select contact from met_contacts);

-- What of a contact decides who has it as a key.
create or replace macro weighed_contacts(holders) as table (
    select
        c.kind,
        c.contact,
        c.surnames,
        r.shared_max > 0 and c.surnames > r.shared_max as is_shared,
        least(c.named, 2) as named,
        case when c.named = 1 then c.only_named end as only_named,
        least(c.classes, 2) as classes,
        case when c.classes <= 1 then c.only_class end as only_class
    from counted_contacts(holders) as c, rules as r
);

create or replace table contacts_before as from weighed_contacts('holders_before');

create or replace table contacts_now as from weighed_contacts('holders_now');

create or replace table changed_contacts as
select coalesce(n.contact, b.contact) as contact, n.is_shared is distinct from b.is_shared as is_shared_anew
from contacts_now as n
full join contacts_before as b on n.contact = b.contact
where (n.is_shared, n.named, n.only_named, n.classes, n.only_class)
    is distinct from (b.is_shared, b.named, b.only_named, b.classes, b.only_class);

delete from base.shared_contacts where contact in (select contact from met_contacts);

insert into base.shared_contacts select kind, contact, surnames from contacts_now where is_shared;

create or replace table keyed_rows as
select
    h.row_id,
    h.person_id,
    h.kind,
    h.contact,
    hash(h.contact, class_at(h.class, c.named, c.only_named, c.only_class)) as code
from holders_now as h
inner join contacts_now as c on h.contact = c.contact
where not c.is_shared
    and has_key(h.class, c.named, c.classes)
    and (h.contact in (select contact from changed_contacts) or h.row_id in (select row_id from changed_rows))
union all
select distinct i.row_id, i.person_id, 'name_zip', k.contact, k.contact
from identities as i
inner join source_addresses as a on i.row_id = a.row_id
cross join lateral (
    select hash('name_zip', i.first_key || '|' || i.last_key || '|' || i.generation || '|' || a.zip) as contact
) as k
where i.entity_type = 'person' and i.first_key <> '' and i.last_key <> '' and regexp_full_match(a.zip, '[0-9]{5}');

-- Two parties of one row are two by construction: only the first may use a key both have.
create or replace table new_facts as
select *
from keyed_rows as k
anti join (select row_id, code from keyed_rows) as f
    on k.row_id >> 8 = f.row_id >> 8 and k.code = f.code and f.row_id < k.row_id;

create or replace table old_facts as
from base.row_facts where contact in (select contact from changed_contacts);

delete from base.row_facts
where contact in (select contact from changed_contacts) or row_id in (select row_id from changed_rows);

insert into base.row_facts from new_facts;

create or replace table dirty_persons as
select person_id from changed_persons
union
select person_id from (select person_id, row_id, code from new_facts except select person_id, row_id, code from old_facts)
union
select person_id from (select person_id, row_id, code from old_facts except select person_id, row_id, code from new_facts)
union
select person_id from holders_now where contact in (select contact from changed_contacts where is_shared_anew);
