{{ config(indexes=[{"columns": ["area_code"]}]) }}

-- What speaks against every number of an area code: the national list of it is not held, or too old.
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

age as (

    select cast(value as unsigned) as days
    from {{ ref('compliance_terms') }}
    where term = 'dnc_list_max_age'
        and effective_from <= date({{ as_of() }})
        and (effective_until is null or effective_until > date({{ as_of() }}))

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
where codes.kind = 'geographic' and codes.country in {{ us_regions() }}
union all
select
    held.area_code,
    'dnc_list_stale' as reason_code,
    held.obtained_at + interval age.days day as starts_at,
    held.next_obtained_at as ends_at,
    concat(
        'dnc_list_versions ', held.version_id, ': list for area code ', held.area_code, ' of ', date(held.obtained_at),
        ', more than ', age.days, ' days old'
    ) as evidence
from held
cross join age
where held.next_obtained_at is null or held.next_obtained_at > held.obtained_at + interval age.days day
