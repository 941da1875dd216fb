select
    import_id,
    feed,
    filename,
    status,
    status_reason,
    duplicate_of,
    uploaded_at,
    started_at,
    finished_at,
    row_count,
    success_count,
    error_count,
    inserted_count,
    updated_count,
    skipped_count,
    processing_duration_seconds
from {{ source('canonical', 'import_metadata') }}
