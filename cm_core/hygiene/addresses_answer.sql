-- Ordinary addresses: boxes, rural routes, and streets whose name and suffix doorplate takes for nothing else.
-- In:  hygiene_read (addresses_read.sql), hygiene.street_names, hygiene.street_pairs (of names that are not plain before
--      every suffix), hygiene.street_suffixes, hygiene.zips.
-- Out: hygiene_answers: the input columns, the answer, and whether it holds (`ordinary`).

create or replace temp table hygiene_answers as
select
    coalesce(r.shape in ('box', 'route') or ((n.plain or p.plain) and s.short is not null), false) as ordinary,
    case when not ordinary then {
        'address_id': r.address_id, 'line1': r.line1, 'line2': r.line2, 'city': r.city, 'state': r.state, 'zip': r.zip,
        'zip4': r.zip4
    } end as given,
    r.address_id,
    r.line1 || ', ' || r.city || ', ' || r.state
    || case when r.zip5 is null then '' else concat(' ', r.zip, '-' || nullif(r.zip4, '')) end as address_raw,
    case r.shape
        when 'box' then 'PO BOX ' || r.number
        when 'route' then r.line
        else concat_ws(
            ' ', r.number, r.direction, r.street_name, s.short, case when r.unit is not null then r.designator end, r.unit
        )
    end as street,
    r.city_name as city,
    r.state_code as state,
    r.zip5 as zip,
    r.plus4 as zip4,
    z.county,
    concat(
        case r.shape
            when 'box' then 'P|' || r.number || '|'
            when 'route' then concat('R|', r.route_kind, '|', r.route, '|', r.number, '|')
            else concat('S|', r.number, '|', r.direction, '|', r.street_name, '|', s.short, '||')
        end,
        coalesce(r.zip5, r.city_name || '|' || r.state_code),
        '|' || r.unit
    ) as address_key
from hygiene_read as r
left join hygiene.street_names as n on r.street_name = n.name
left join hygiene.street_pairs as p on not n.plain and r.street_name = p.name and r.street_suffix = p.word
left join hygiene.street_suffixes as s on r.street_suffix = s.word
left join hygiene.zips as z on r.zip5 = z.zip5;
