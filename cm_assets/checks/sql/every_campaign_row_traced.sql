-- Imports of which campaign_sources knows another number of rows than were staged.
with traced as (
    select count(*) as traced_rows
    from campaign_sources
    where import_id = %(import_id)s
)
select import_metadata.import_id, import_metadata.row_count, import_metadata.error_count, traced.traced_rows
from import_metadata
cross join traced
where import_metadata.import_id = %(import_id)s
    and traced.traced_rows <> import_metadata.row_count - import_metadata.error_count
limit %(limit)s
