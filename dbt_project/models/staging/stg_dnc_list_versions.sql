select
    id as version_id,
    source,
    kind,
    import_id,
    obtained_at,
    status,
    status_reason,
    area_codes,
    row_count,
    bad_rows,
    added,
    removed,
    checksum_sha256,
    loaded_at
from {{ source('canonical', 'dnc_list_versions') }}
