{{ config(indexes=[{"columns": ["area_code"]}]) }}

-- What speaks against every number of an area code: the national list of it is not held, or older than was allowed on
-- the day it was obtained; where no age is set for that day, it is too old at once.
with held as (

    select
        area_code,
        obtained_at,
        lead(obtained_at) over (partition by area_code order by obtained_at, version_id) as next_obtained_at,
        min(obtained_at) over (partition by area_code) as first_obtained_at,
        version_id
    from {{ ref('stg_dnc_area_coverage') }}
    where source = 'national'

),

aged as (

    select held.*, coalesce(cast(terms.value as unsigned), 0) as days
    from held
    left join {{ ref('compliance_terms') }} as terms
        on terms.term = 'dnc_list_max_age'
        and terms.effective_from <= date(held.obtained_at)
        and (terms.effective_until is null or terms.effective_until > date(held.obtained_at))

)

select
    codes.area_code,
    'dnc_area_not_held' as reason_code,
    {{ always() }} as starts_at,
    held.first_obtained_at as ends_at,
    concat('dnc_area_coverage: no list for area code ', codes.area_code) as evidence
from {{ ref('int_area_codes') }} as codes
left join (
    select area_code, min(first_obtained_at) as first_obtained_at
    from held
    group by area_code
) as held
    on held.area_code = codes.area_code
where codes.kind <> 'toll_free' and codes.country in {{ us_regions() }}
union all
select
    area_code,
    'dnc_list_stale' as reason_code,
    obtained_at + interval days day as starts_at,
    next_obtained_at as ends_at,
    concat(
        'dnc_list_versions ', version_id, ': list for area code ', area_code, ' of ', date(obtained_at),
        ', more than ', days, ' days old'
    ) as evidence
from aged
where next_obtained_at is null or next_obtained_at > obtained_at + interval days day
