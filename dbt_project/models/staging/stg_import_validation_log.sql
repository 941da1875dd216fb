select
    id as finding_id,
    import_id,
    `row_number`,
    error_type,
    field_name,
    row_status
from {{ source('canonical', 'import_validation_log') }}
