-- identities
-- Who each row names, and under which class it holds its contacts (`match_classes.sql`).
-- In:  source_parties, source_phones, source_emails, first_names(first_key, name_class, is_known, ...), rules(shared_max,
--      phone_needs_first_name, email_needs_first_name).
-- Out: identities (one per row).
create or replace table identities as
with classed as (
    select
        p.row_id,
        p.person_id,
        p.source_date,
        p.entity_type,
        party_class(p.entity_type, p.organization_key, p.first_key, p.last_key) as party_class,
        generation_of(p.name_suffix) as generation,
        f.name_class,
        f.is_known,
        coalesce(f.is_known and length(p.first_key) > 1, false) as is_named,
        p.first_key,
        p.last_key,
        p.organization_key,
        p.date_of_birth,
        nullif(regexp_replace(upper(p.middle_name), '[^A-Z]', '', 'g'), '') as middle_key,
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
    email_class(c.party_class, c.is_named, c.name_class, r.email_needs_first_name) as email_class,
    phone_class(c.party_class, c.name_class, c.generation, r.phone_needs_first_name) as phone_class,
    coalesce(c.last_key, c.organization_key) as surname
from classed as c, rules as r;
