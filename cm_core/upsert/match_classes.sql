-- match_classes
-- Who may be one over a contact: the rules of `keys.sql` (a batch and its owners) and of linkage (all source rows), as macros.
-- A contact is a key together with a class, so that who may merge over it is an equivalence:
--   email: humans merge under the same first name, if it is a common one; organisations only under the same name. Who has
--   a rarer name (a slip, an initial, a surname alone) belongs to the only common one at the address; if there are two, no
--   key says to whom.
--   phone: humans merge under the same first name (nicknames folded, generation kept), organisations as above.
--   record: one record of a system of record, such as a person of the CRM (identifiers of a type `record:…`), as for e-mail:
--   whatever else was edited there, it is who it was, unless the name says that the record was given to somebody else.
-- Somebody without a name joins the only class at the contact, if there is only one: their contacts lend them a name. A party
-- has one name: where its contacts lend several, it has that of its strongest kind of contact, if that is one.
create or replace macro party_class(entity_type, organization_key, first_key, last_key) as case
    when entity_type in ('organization', 'trust', 'estate', 'government') then 'O:' || organization_key
    when last_key is not null or first_key is not null then 'N'
end;

create or replace macro email_class(party_class, is_named, name_class, needs_first_name) as case
    when party_class = 'N' and is_named and needs_first_name then 'N:' || name_class
    else party_class
end;

create or replace macro phone_class(party_class, name_class, generation, needs_first_name) as case
    when party_class like 'O:%' then party_class
    when not needs_first_name then party_class
    when name_class is not null then name_class || '|' || generation
end;

create or replace macro is_record_id(id_type) as starts_with(id_type, 'record:');

create or replace macro contact_class(kind, email_class, phone_class) as
    case when kind in ('email', 'record') then email_class else phone_class end;

-- holders(kind, contact, class, surname) -> per contact: how many surnames, how many classes, and the class if it is the only
-- one. Those of `N` that are not `named` count as one more class where nobody is named. Most contacts have one holder, or
-- several that say the same: these need no counting.
create or replace macro counted_contacts(holders) as table (
    with ranged as (
        select
            kind,
            contact,
            min(surname) as surname,
            min(class) as class,
            min(surname) is distinct from max(surname) or min(class) is distinct from max(class) or count(class) < count(*)
                as is_various
        from query_table(holders)
        group by kind, contact
    ),
    counted as (
        select
            kind,
            contact,
            count(distinct surname) as surnames,
            count(distinct class) filter (class <> 'N') as classes,
            coalesce(bool_or(class = 'N'), false) as has_others,
            count(distinct class) filter (class like 'N:%') as named,
            min(class) filter (class <> 'N') as only_class,
            min(class) filter (class like 'N:%') as only_named
        from query_table(holders)
        where (kind, contact) in (select (kind, contact) from ranged where is_various)
        group by kind, contact
    )
    select
        kind,
        contact,
        (surname is not null)::bigint as surnames,
        coalesce(class like 'N:%', false)::bigint as named,
        case when class like 'N:%' then class end as only_named,
        (class is not null)::bigint as classes,
        class as only_class
    from ranged
    where not is_various
    union all
    select
        kind,
        contact,
        surnames,
        named,
        only_named,
        classes + (has_others and named = 0)::integer,
        coalesce(only_class, case when has_others then 'N' end)
    from counted
);

-- Whether somebody of a class may use the contact as a key, and the class that the key then has.
create or replace macro has_key(class, named, classes) as
    case when class = 'N' then named <= 1 else class is not null or classes <= 1 end;

create or replace macro class_at(class, named, only_named, only_class) as
    case when class = 'N' and named = 1 then only_named else coalesce(class, only_class, '') end;

-- The order in which keys say who somebody is.
create or replace macro precedence(kind) as
    case kind when 'record' then 0 when 'email' then 1 when 'phone' then 2 else 3 end;

-- Whether somebody of a class at a contact has no name of their own there: none, or (`N` at an e-mail address) a surname or an
-- initial. Where a guard is off, a contact alone says who somebody is.
create or replace macro is_borrower(kind, class, first_key, email_needs_first_name, phone_needs_first_name) as case
    when kind = 'phone' then phone_needs_first_name and class is null
    else email_needs_first_name and (class is null or (class = 'N' and length(coalesce(first_key, '')) <= 1))
end;

-- Whether the class that a key has was lent by others at the contact.
create or replace macro is_lent(is_borrower, class, key_class) as is_borrower or (class = 'N' and key_class <> 'N');

-- The name in a class, whatever the kind of contact; null: nobody's, or perhaps just their own.
create or replace macro name_in(class, key_class) as case
    when key_class = '' or (class = 'N' and key_class = 'N') then null
    when key_class like 'N:%' then key_class[3:]
    when key_class like 'O:%' then key_class
    else split_part(key_class, '|', 1)
end;

-- lent(holder, kind, class, key_class): the keys of parties whose class was lent -> those that are none, since the party's
-- contacts lend it several names (holder, kind, key_class). A record at which nobody has a name is who it was all the same.
create or replace macro disputed_keys(lent) as table (
    with named as (
        select distinct holder, kind, key_class, name_in(class, key_class) as name from query_table(lent)
    ),
    kinds as (
        select holder, kind, min(name) as name, min(key_class) <> max(key_class) as differs
        from named
        where name is not null
        group by holder, kind
    ),
    strongest as (
        select holder, arg_min(name, precedence(kind)) as name, arg_min(differs, precedence(kind)) as differs
        from kinds
        group by holder
    )
    select n.holder, n.kind, n.key_class
    from named as n
    inner join strongest as s on n.holder = s.holder
    left join kinds as k on n.holder = k.holder and n.kind = k.kind
    where (n.kind <> 'record' or n.name is not null) and (s.differs or k.differs or n.name is distinct from s.name)
);

-- Whether birthdays are no slip of each other: an aggregate over those at a key, of which any two must agree in two of year,
-- month and day.
create or replace macro are_apart(date_of_birth) as
    (min(year(date_of_birth)) = max(year(date_of_birth)))::integer
    + (min(month(date_of_birth)) = max(month(date_of_birth)))::integer
    + (min(day(date_of_birth)) = max(day(date_of_birth)))::integer < 2;

-- Whether birthdays count at keys of this kind: an e-mail address and a record are one person's, whatever the list says.
create or replace macro has_birthdays(kind, phone_needs_first_name) as
    kind = 'name_zip' or (kind = 'phone' and phone_needs_first_name);

-- The class of a key where birthdays are apart: with the birthday in it; null, no key, where it is unknown whose.
create or replace macro class_born(key_class, is_apart, date_of_birth) as
    case when is_apart then key_class || chr(30) || date_of_birth::varchar else key_class end;
