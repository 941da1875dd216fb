select
    import_id,
    `row_number`,
    party_no,
    person_id,
    role,
    match_key,
    operation
from {{ source('canonical', 'person_sources') }}
