-- Exact-tier facts: which person carries which key, row by row. The rules are those of resolve (architecture, "Resolve
-- and apply"), applied to all source rows at once, so that the outcome does not depend on the order of imports.
-- In:  source_parties, source_phones, source_emails, source_addresses (staged rows with their person_id),
--      first_names(first_key, name_class, is_known, ...), rules(shared_max, phone_needs_first_name, email_needs_first_name).
-- Out: identities, shared_keys(kind, key, surnames), row_facts (the facts of each row), facts(person_id, kind, key, class).
--
--   email: humans under the same first-name class, if that is a common name; legal entities only under the same name. Who
--   has a rarer name (a slip, an initial, a surname alone) belongs to the only common one at the address; if there are two,
--   the model has to find out.
--   phone: humans under the same first-name class and generation; legal entities as above.
--   Somebody without a name joins the only class at the contact, if there is only one.

create or replace table identities as
with classed as (
    select
        p.person_id,
        p.import_id,
        p.row_number,
        p.party_no,
        p.source_date,
        p.entity_type,
        case
            when p.entity_type in ('organization', 'trust', 'estate', 'government') then 'O:' || p.organization_key
            when p.last_key is not null or p.first_key is not null then 'N'
        end as party_class,
        coalesce(regexp_extract(upper(p.name_suffix), '^(JR|SR|II|III|IV|V)\.?$', 1), '') as generation,
        f.name_class,
        coalesce(f.is_known and length(p.first_key) > 1, false) as is_named,
        p.first_key,
        p.last_key,
        p.organization_key,
        -- WU CHRIS out of a list without commas: 10 times likelier the other way round. Only the model's records are
        -- turned; keys stay as they were read, as they do in resolve.
        coalesce(case when length(p.last_key) = 1 then f.given_over_surname < -2.3
            else f.given_over_surname - l.given_over_surname < -2.3 end, false) as is_reversed
    from source_parties as p
    left join first_names as f on p.first_key = f.first_key
    left join first_names as l on p.last_key = l.first_key
)
select
    c.*,
    case
        when c.party_class = 'N' and c.is_named and r.email_needs_first_name then 'N:' || c.name_class
        else c.party_class
    end as email_class,
    case
        when c.party_class like 'O:%' then c.party_class
        when not r.phone_needs_first_name then c.party_class
        when c.name_class is not null then c.name_class || '|' || c.generation
    end as phone_class,
    coalesce(c.last_key, c.organization_key) as surname
from classed as c, rules as r;

create or replace table holders as
with contacts as (
    select person_id, import_id, row_number, party_no, 'email' as kind, email_key as key from source_emails
    union
    select person_id, import_id, row_number, party_no, 'phone', phone_e164
    from source_phones
    where phone_type is distinct from 'fax'
)
select
    c.person_id,
    c.import_id,
    c.row_number,
    c.party_no,
    c.kind,
    c.key,
    case when c.kind = 'email' then i.email_class else i.phone_class end as class,
    i.surname
from contacts as c
inner join identities as i using (import_id, row_number, party_no);

create or replace table contact_facts as
with counted as (
    select
        kind,
        key,
        count(distinct surname) as surnames,
        count(distinct class) filter (class <> 'N') as classes,
        coalesce(bool_or(class = 'N'), false) as has_others,
        count(distinct class) filter (class like 'N:%') as named,
        min(class) filter (class <> 'N') as only_class,
        min(class) filter (class like 'N:%') as only_named
    from holders
    group by kind, key
)
select
    kind,
    key,
    surnames,
    named,
    only_named,
    classes + (has_others and named = 0)::integer as classes,
    coalesce(only_class, case when has_others then 'N' end) as only_class
from counted;

create or replace table shared_keys as
select f.kind, f.key, f.surnames
from contact_facts as f, rules as r
where r.shared_max > 0 and f.surnames > r.shared_max;

-- Two parties of one row are two by construction: only the first may use a key both have.
create or replace table row_facts as
with keyed as (
    select
        h.person_id, h.import_id, h.row_number, h.party_no, h.kind, h.key,
        case when h.class = 'N' and f.named = 1 then f.only_named else coalesce(h.class, f.only_class, '') end as class
    from holders as h
    inner join contact_facts as f on h.kind = f.kind and h.key = f.key
    anti join shared_keys as s on h.kind = s.kind and h.key = s.key
    where case when h.class = 'N' then f.named <= 1 else h.class is not null or f.classes <= 1 end
    union all
    select distinct
        i.person_id, i.import_id, i.row_number, i.party_no, 'name_zip', i.first_key || '|' || i.last_key || '|' || i.generation || '|' || a.zip, 'N'
    from identities as i
    inner join source_addresses as a using (import_id, row_number, party_no)
    where i.entity_type = 'person' and i.first_key <> '' and i.last_key <> '' and regexp_full_match(a.zip, '[0-9]{5}')
)
select *
from keyed
qualify row_number() over (partition by import_id, row_number, kind, key, class order by party_no) = 1;

create or replace table facts as
select person_id, kind, key, class from row_facts;

-- Stars: every carrier of a key to the lowest of them, never all pairs.
create or replace table tier1_edges as
with stars as (
    select kind, person_id, min(person_id) over (partition by kind, key, class) as hub
    from facts
)
select hub as id_l, person_id as id_r, min(case kind when 'email' then 1 when 'phone' then 2 else 3 end) as evidence
from stars
where hub <> person_id
group by all;
