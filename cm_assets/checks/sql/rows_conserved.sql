-- Imports whose outcomes do not add up to the rows of their file.
select import_id, row_count, inserted_count, updated_count, skipped_count, error_count
from import_metadata
where import_id = %(import_id)s
    and not (
        row_count <=> coalesce(inserted_count, 0) + coalesce(updated_count, 0)
            + coalesce(skipped_count, 0) + coalesce(error_count, 0)
    )
limit %(limit)s
