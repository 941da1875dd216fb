{# Conservation of an import: rows = inserted + updated + skipped + errors, once all are counted. #}
{% test import_counts_add_up(model) %}
select import_id, row_count, inserted_count, updated_count, skipped_count, error_count
from {{ model }}
where status in ('COMPLETE', 'COMPLETE_WITH_ERRORS')
    and row_count <> inserted_count + updated_count + skipped_count + error_count
{% endtest %}
