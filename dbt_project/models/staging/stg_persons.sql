-- entity_id and is_original are decided with person_duplicates, in one transaction.
-- depends_on: {{ source('canonical', 'person_duplicates') }}
select
    id as person_id,
    entity_id,
    is_original,
    is_manually_verified,
    entity_type,
    name_prefix,
    first_name,
    middle_name,
    last_name,
    name_suffix,
    organization_name,
    date_of_birth,
    name_source_date,
    birth_source_date,
    source_date,
    first_import_id,
    last_import_id
from {{ source('canonical', 'persons') }}
