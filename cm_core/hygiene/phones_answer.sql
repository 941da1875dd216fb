-- Ten-digit NANP numbers in the usual spellings, also with an extension, a one-letter label or a spreadsheet's .0.
-- In:  hygiene_in(raw), hygiene.area_codes (those whose numbers are all of one region), hygiene.fillers.
-- Out: hygiene_answers: the input column, the answer, and whether it holds (`ordinary`).
-- The pattern of the number and the order of the reasons are those of phones.py (_ORDINARY, _nanp).

create or replace temp table hygiene_answers as
with matched as (
    select
        raw,
        regexp_extract(
            raw,
            '^((?:\+?1[ .-]*)?\(?[2-9]\d\d\)?(?:/|[ .-]*)\d{3}[ .-]*\d{4})'
            '(?:| ?(?:[xX]|[eE][xX][tT]\.?|#) ?(\d{1,15})| [chwmofCHWMOF]|(\.0{1,9}))$',
            ['number', 'extension', 'zeros']
        ) as parts
    from hygiene_in
),

shaped as (
    select
        raw,
        case
            when parts.number <> ''
                and length(raw) <= 255
                and (length(parts.number) = length(raw) or not contains(raw, '  '))
                and (parts.zeros = '' or regexp_full_match(parts.number, '1?[0-9]{10}'))
                then right(regexp_replace(parts.number, '[^0-9]', '', 'g'), 10)
        end as digits,
        nullif(parts.extension, '') as extension
    from matched
),

judged as (
    select
        s.raw,
        s.digits,
        s.extension,
        a.region,
        case
            when f.value is not null or g.value is not null or s.digits = repeat(left(s.digits, 1), 10) then 'placeholder'
            when substr(s.digits, 2, 2) = '11' then 'area_code'
            when substr(s.digits, 4, 1) in ('0', '1') or substr(s.digits, 5, 2) = '11' then 'exchange'
            when substr(s.digits, 4, 5) = '55501' then 'fictitious'
        end as reason
    from shaped as s
    left join hygiene.area_codes as a on left(s.digits, 3) = a.area_code
    left join hygiene.fillers as f on s.digits = f.value and f.kind = 'phone'
    left join hygiene.fillers as g on substr(s.digits, 4) = g.value and g.kind = 'phone'
)

select
    digits is not null and (reason is not null or region is not null) as ordinary,
    case when not ordinary then {'raw': raw} end as given,
    raw,
    1 as seq,
    raw as phone_raw,
    case when reason is null then '+1' || digits end as phone_e164,
    case when reason is null then extension end as extension,
    case when reason is null then region end as region,
    reason as invalid_reason
from judged;
