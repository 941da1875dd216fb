-- What persons have from the former reading of replayed rows is taken out of what is known of them, so that the fold
-- says it anew from their source rows alone. Everything else that is known of them takes part in the fold as it is.
-- In:  said_parties, said_phones, said_emails, said_addresses, said_identifiers: the rows as they were read before;
--      said_by(row_number, party_no, person_id); current_persons, current_phones, current_emails, current_addresses,
--      current_identifiers.
-- Out: before_…: what is known; current_…: the same without what is withdrawn; withdrawn_…(person_id, key).
create or replace table withdrawn_names as
select b.person_id, p.*
from said_parties as p
inner join said_by as b on p.row_number = b.row_number and p.party_no = b.party_no;

create or replace table before_persons as from current_persons;

create or replace table current_persons as
with marked as (
    select
        c.*,
        exists (
            from withdrawn_names as w
            where w.person_id = c.id
                and (w.first_name, w.middle_name, w.last_name, w.name_suffix, w.name_prefix, w.organization_name)
                is not distinct from (
                    c.first_name, c.middle_name, c.last_name, c.name_suffix, c.name_prefix, c.organization_name
                )
        ) as is_name_out,
        exists (
            from withdrawn_names as w where w.person_id = c.id and w.date_of_birth = c.date_of_birth
        ) as is_birth_out,
        exists (from withdrawn_names as w where w.person_id = c.id and w.source_date = c.source_date) as is_date_out
    from before_persons as c
)
select
    * exclude (is_name_out, is_birth_out, is_date_out) replace (
        case when not is_name_out then name_prefix end as name_prefix,
        case when not is_name_out then first_name end as first_name,
        case when not is_name_out then middle_name end as middle_name,
        case when not is_name_out then last_name end as last_name,
        case when not is_name_out then name_suffix end as name_suffix,
        case when not is_name_out then organization_name end as organization_name,
        case when not is_name_out then first_key end as first_key,
        case when not is_name_out then last_key end as last_key,
        case when not is_name_out then organization_key end as organization_key,
        case when not is_name_out then name_source_date end as name_source_date,
        case when not is_birth_out then date_of_birth end as date_of_birth,
        case when not is_birth_out then birth_source_date end as birth_source_date,
        case when not is_date_out then source_date end as source_date
    )
from marked;

create or replace table withdrawn_phones as
select distinct b.person_id, s.phone_key
from said_phones as s
inner join said_by as b on s.row_number = b.row_number and s.party_no = b.party_no;

create or replace table before_phones as from current_phones;

create or replace table current_phones as
select * from before_phones anti join withdrawn_phones using (person_id, phone_key);

create or replace table withdrawn_emails as
select distinct b.person_id, s.email_key
from said_emails as s
inner join said_by as b on s.row_number = b.row_number and s.party_no = b.party_no;

create or replace table before_emails as from current_emails;

create or replace table current_emails as
select * from before_emails anti join withdrawn_emails using (person_id, email_key);

create or replace table withdrawn_addresses as
select distinct b.person_id, s.address_key
from said_addresses as s
inner join said_by as b on s.row_number = b.row_number and s.party_no = b.party_no;

create or replace table before_addresses as from current_addresses;

create or replace table current_addresses as
select * from before_addresses anti join withdrawn_addresses using (person_id, address_key);

create or replace table withdrawn_identifiers as
select distinct b.person_id, s.id_type, s.id_value
from said_identifiers as s
inner join said_by as b on s.row_number = b.row_number and s.party_no = b.party_no;

create or replace table before_identifiers as from current_identifiers;

create or replace table current_identifiers as
select * from before_identifiers anti join withdrawn_identifiers using (person_id, id_type, id_value);
