-- Exact-tier facts: which row carries which key. The rules are those of resolve (architecture, "Resolve and apply"), applied
-- to all source rows at once, so that the outcome does not depend on the order of imports.
-- In:  identities and source_* of the changed rows, rules.
-- Out: new_holders (who of them holds which contact; a name with its ZIP is one, of a single class); the macros
--      weighed_contacts(holders), what of a contact decides who has it as a key (apart: classes with birthdays that are),
--      keys_of(holders, contacts), which class each holder's key has, lent_of(keys), and facts_of(keys, lent).
create or replace table new_holders as
with contacts as (
    select row_id, person_id, 'email' as kind, hash('email', email_key) as contact from source_emails
    union
    select row_id, person_id, 'phone', hash('phone', phone_e164)
    from source_phones
    where phone_type is distinct from 'fax'
    union
    select row_id, person_id, 'record', hash('record', id_type || ' ' || id_value)
    from source_identifiers
    where is_record_id(id_type)
),
names as (
    select distinct
        i.row_id,
        i.person_id,
        hash('name_zip', i.first_key || '|' || i.last_key || '|' || i.generation || '|' || a.zip) as contact,
        i.date_of_birth
    from identities as i
    inner join source_addresses as a on i.row_id = a.row_id
    where i.entity_type = 'person' and i.first_key <> '' and i.last_key <> '' and regexp_full_match(a.zip, '[0-9]{5}')
)
select
    c.row_id,
    c.person_id,
    c.kind,
    c.contact,
    contact_class(c.kind, i.email_class, i.phone_class) as class,
    is_borrower(
        c.kind, contact_class(c.kind, i.email_class, i.phone_class), i.first_key, r.email_needs_first_name,
        r.phone_needs_first_name
    ) as is_borrower,
    i.surname,
    case when has_birthdays(c.kind, r.phone_needs_first_name) then i.date_of_birth end as date_of_birth
from contacts as c
inner join identities as i on c.row_id = i.row_id
cross join rules as r
union all
select row_id, person_id, 'name_zip', contact, '', false, null, date_of_birth from names;

create or replace macro weighed_contacts(holders) as table (
    with counted as (
        from counted_contacts(holders)
    ),
    born as (
        select h.contact, class_at(h.class, c.named, c.only_named, c.only_class) as key_class
        from query_table(holders) as h
        inner join counted as c on h.contact = c.contact
        where h.date_of_birth is not null and has_key(h.class, c.named, c.classes)
        group by h.contact, key_class
        having are_apart(h.date_of_birth)
    ),
    apart as (
        select contact, list(key_class order by key_class) as classes from born group by contact
    )
    select
        c.kind,
        c.contact,
        c.surnames,
        r.shared_max > 0 and c.surnames > r.shared_max as is_shared,
        least(c.named, 2) as named,
        case when c.named = 1 then c.only_named end as only_named,
        least(c.classes, 2) as classes,
        case when c.classes <= 1 then c.only_class end as only_class,
        coalesce(a.classes, []) as apart
    from counted as c
    cross join rules as r
    left join apart as a on c.contact = a.contact
);

create or replace macro keys_of(holders, contacts) as table (
    select
        h.row_id,
        h.person_id,
        h.kind,
        h.contact,
        h.class,
        h.is_borrower,
        h.date_of_birth,
        class_at(h.class, c.named, c.only_named, c.only_class) as key_class,
        list_contains(c.apart, class_at(h.class, c.named, c.only_named, c.only_class)) as is_apart
    from query_table(holders) as h
    inner join query_table(contacts) as c on h.contact = c.contact
    where not c.is_shared and has_key(h.class, c.named, c.classes)
);

create or replace macro lent_of(keys) as table (
    select row_id as holder, kind, class, key_class
    from query_table(keys)
    where (is_borrower or class = 'N') and is_lent(is_borrower, class, key_class)
);

create or replace macro facts_of(keys, lent) as table (
    select
        k.row_id,
        k.person_id,
        k.kind,
        k.contact,
        hash(k.contact, class_born(k.key_class, k.is_apart, k.date_of_birth)) as code
    from query_table(keys) as k
    anti join disputed_keys(lent) as d on k.row_id = d.holder and k.kind = d.kind and k.key_class = d.key_class
    where not k.is_apart or k.date_of_birth is not null
);

-- Two parties of one row are two by construction: only the first may use a key both have.
create or replace macro first_of_each_line(keyed) as table (
    with keyed as (
        select * from query_table(keyed)
    )
    select * from keyed where row_id & 255 = 1
    union all
    select k.*
    from keyed as k
    anti join (select row_id, code from keyed) as f
        on k.row_id >> 8 = f.row_id >> 8 and k.code = f.code and f.row_id < k.row_id
    where k.row_id & 255 > 1
);
