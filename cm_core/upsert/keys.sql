-- Match keys of the batch and of the persons that own the same contacts (architecture, "Resolve and apply").
-- In:  parties (staged), party_contacts, name_zip_keys (contacts.sql), first_name_classes(first_key, name_class, is_common),
--      owners(kind, contact, person_id, entity_type, first_key, last_key, name_suffix, organization_key, date_of_birth,
--      source_date), name_owners(match_key, person_id, date_of_birth, source_date), known_shared(kind, contact),
--      rules(import_id, shared_max, phone_needs_first_name, email_needs_first_name).
-- Out: party_keys(row_number, party_no, kind, match_key), owner_keys(kind, match_key, person_id, source_date),
--      shared_now(kind, contact, surnames).
--
-- The classes of a contact, and what birthdays do to keys, are in `match_classes.sql`.

create or replace table identities as
with everyone as (
    select
        row_number,
        party_no,
        null::bigint as person_id,
        entity_type,
        first_key,
        last_key,
        name_suffix,
        organization_key,
        date_of_birth
    from parties as p
    semi join party_contacts as c on p.row_number = c.row_number and p.party_no = c.party_no
    union all
    select distinct on (person_id)
        null, null, person_id, entity_type, first_key, last_key, name_suffix, organization_key, date_of_birth
    from owners
),
classed as (
    select
        e.*,
        party_class(e.entity_type, e.organization_key, e.first_key, e.last_key) as party_class,
        generation_of(e.name_suffix) as generation,
        c.name_class,
        coalesce(c.is_common and length(e.first_key) > 1, false) as is_named
    from everyone as e
    left join first_name_classes as c on e.first_key = c.first_key
)
select
    *,
    email_class(party_class, is_named, name_class, r.email_needs_first_name) as email_class,
    phone_class(party_class, name_class, generation, r.phone_needs_first_name) as phone_class,
    coalesce(last_key, organization_key) as surname
from classed, rules as r;

create or replace table holders as
select
    p.row_number,
    p.party_no,
    null::bigint as person_id,
    p.kind,
    p.contact,
    null::timestamp as source_date,
    contact_class(p.kind, i.email_class, i.phone_class) as class,
    i.first_key,
    i.date_of_birth,
    i.surname
from party_contacts as p
inner join identities as i on p.row_number = i.row_number and p.party_no = i.party_no
union all
select
    null,
    null,
    o.person_id,
    o.kind,
    o.contact,
    o.source_date,
    contact_class(o.kind, i.email_class, i.phone_class),
    i.first_key,
    i.date_of_birth,
    i.surname
from owners as o
inner join identities as i on o.person_id = i.person_id;

create or replace table contact_facts as from counted_contacts('holders');

create or replace table shared_now as
select f.kind, f.contact, f.surnames
from contact_facts as f, rules as r
where r.shared_max > 0 and f.surnames > r.shared_max;

create or replace table held_keys as
select
    h.row_number,
    h.party_no,
    h.person_id,
    coalesce(-h.person_id, h.row_number * 1000 + h.party_no) as holder,
    h.kind,
    h.contact,
    h.source_date,
    h.date_of_birth,
    h.class,
    class_at(h.class, f.named, f.only_named, f.only_class) as key_class,
    is_borrower(h.kind, h.class, h.first_key, r.email_needs_first_name, r.phone_needs_first_name) as is_borrower
from holders as h
inner join contact_facts as f on h.kind = f.kind and h.contact = f.contact
cross join rules as r
anti join shared_now as s on h.kind = s.kind and h.contact = s.contact
anti join known_shared as k on h.kind = k.kind and h.contact = k.contact
where has_key(h.class, f.named, f.classes);

create or replace table lent_keys as
select holder, kind, class, key_class from held_keys where is_lent(is_borrower, class, key_class);

create or replace table keys_held as
select row_number, party_no, person_id, kind, source_date, date_of_birth, contact || chr(31) || key_class as match_key
from held_keys as h
anti join disputed_keys('lent_keys') as d on h.holder = d.holder and h.kind = d.kind and h.key_class = d.key_class
union all
select n.row_number, n.party_no, null, 'name_zip', null, p.date_of_birth, n.match_key
from name_zip_keys as n
left join (select row_number, party_no, date_of_birth from parties where date_of_birth is not null) as p
    on n.row_number = p.row_number and n.party_no = p.party_no
union all
select null, null, person_id, 'name_zip', source_date, date_of_birth, match_key from name_owners;

-- Birthdays that are apart at a key, those of all who have it, whether it is disputed or not.
create or replace table keys_apart as
with born as (
    select kind, contact || chr(31) || key_class as match_key, date_of_birth from held_keys
    union all
    select kind, match_key, date_of_birth from keys_held where kind = 'name_zip'
)
select b.kind, b.match_key
from born as b, rules as r
where b.date_of_birth is not null and has_birthdays(b.kind, r.phone_needs_first_name)
group by b.kind, b.match_key
having are_apart(b.date_of_birth);

create or replace table contact_keys as
select
    k.row_number,
    k.party_no,
    k.person_id,
    k.kind,
    k.source_date,
    class_born(k.match_key, a.match_key is not null, k.date_of_birth) as match_key
from keys_held as k
left join keys_apart as a on k.kind = a.kind and k.match_key = a.match_key
where a.match_key is null or k.date_of_birth is not null;

-- Two parties of one row are two by construction: only the first may use a key both have.
create or replace table party_keys as
select row_number, party_no, kind, match_key
from contact_keys
where row_number is not null
qualify row_number() over (partition by row_number, kind, match_key order by party_no) = 1;

create or replace table owner_keys as
select kind, match_key, person_id, max(source_date) as source_date
from contact_keys
where person_id is not null
group by all;
