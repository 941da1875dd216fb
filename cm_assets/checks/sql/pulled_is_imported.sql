-- Files of a pull that were not imported as they landed: an hour after landing nobody has registered them, the import
-- failed, or it has another number of lines than the pull wrote.
select
    p.pull_id,
    p.landing_key,
    coalesce(cast(json_unquote(json_extract(p.detail, '$.lines')) as signed), p.records) as lines_landed,
    i.import_id,
    i.status,
    cast(json_unquote(json_extract(i.file_format, '$.tables.records')) as signed) as lines_read
from api_pulls as p
left join import_metadata as i on i.landing_key = p.landing_key
where p.source in %(sources)s
    and p.state = 'LANDED'
    and (
        (i.import_id is null and p.finished_at < utc_timestamp(6) - interval 1 hour)
        or i.status in ('REJECTED', 'FAILED')
        or (
            i.status = 'COMPLETE'
            and not (
                cast(json_unquote(json_extract(i.file_format, '$.tables.records')) as signed)
                <=> coalesce(cast(json_unquote(json_extract(p.detail, '$.lines')) as signed), p.records)
            )
        )
    )
order by p.finished_at desc
limit %(limit)s
