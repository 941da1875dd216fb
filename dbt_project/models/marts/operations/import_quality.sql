{{ config(indexes=[{"columns": ["import_id"], "type": "primary"}, {"columns": ["feed", "uploaded_at"]}]) }}

-- One row per import: what came in, what became of it, what was found wrong.
with imports as (

    select * from {{ ref('stg_import_metadata') }}

),

findings as (

    select
        import_id,
        count(*) as findings,
        count(distinct case when row_status = 'rejected' then `row_number` end) as rejected_rows,
        count(case when row_status = 'kept' then 1 end) as unusable_values
    from {{ ref('stg_import_validation_log') }}
    group by import_id

)

select
    imports.import_id,
    imports.feed,
    imports.filename,
    imports.status,
    imports.status_reason,
    imports.duplicate_of,
    imports.uploaded_at,
    imports.finished_at,
    imports.row_count,
    imports.inserted_count,
    imports.updated_count,
    imports.skipped_count,
    imports.error_count,
    case when imports.row_count > 0 then round(100 * imports.error_count / imports.row_count, 2) end as error_percent,
    coalesce(findings.findings, 0) as findings,
    coalesce(findings.rejected_rows, 0) as rejected_rows,
    coalesce(findings.unusable_values, 0) as unusable_values,
    imports.processing_duration_seconds,
    case
        when imports.processing_duration_seconds > 0
            then round(imports.row_count / imports.processing_duration_seconds, 1)
    end as rows_per_second
from imports
left join findings
    on findings.import_id = imports.import_id
