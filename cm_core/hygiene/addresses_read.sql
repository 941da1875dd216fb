-- The delivery lines of ordinary shape and their places.
-- In:  hygiene_in(address_id, line1, line2, city, state, zip, zip4), hygiene.states, hygiene.fillers.
-- Out: hygiene_read: the same, the parts of the line where it is a street, a box or a rural route (shape), and the place.
-- The patterns are those of streets.py. Line, city, state and ZIP each in a cell of its own, ASCII, single spaces.

create or replace temp table hygiene_read as
with placed as (
    select
        i.*,
        upper(i.line1) as line,
        upper(replace(i.city, '.', '')) as city_name,
        s.code as state_code,
        nullif(left(i.zip, 5), '') as zip5,
        coalesce(
            nullif(case when length(i.zip) > 5 then right(i.zip, 4) end, '0000'),
            nullif(nullif(i.zip4, ''), '0000')
        ) as plus4,
        coalesce(i.line2, '') = ''
            and length(i.line1) <= 200
            and strlen(i.line1) = length(i.line1)
            and strlen(i.state) = length(i.state)
            and length(i.city) <= 100
            and regexp_full_match(i.city, '[A-Za-z]+(?:\.? [A-Za-z]+|[''-][A-Za-z]+)*')
            and f.value is null
            and s.code is not null
            and regexp_full_match(coalesce(i.zip, ''), '(?:[0-9]{5}(?:-?[0-9]{4})?)?')
            and regexp_full_match(coalesce(i.zip4, ''), '(?:[0-9]{4})?')
            and coalesce(zip5, '') <> '00000'
            and (zip5 is not null or coalesce(i.zip4, '') = '') as in_place
    from hygiene_in as i
    left join hygiene.states as s on upper(i.state) = s.spelling
    left join hygiene.fillers as f on lower(i.city) = f.value and f.kind = 'blank'
),

shaped as (
    select
        *,
        case
            when in_place and line like 'P%' and regexp_full_match(line, 'P\.? ?O\.? BOX [1-9]\d{0,5}') then 'box'
            when in_place and left(line, 1) in ('R', 'H')
                and regexp_full_match(line, '(?:RR|HC) [1-9]\d{0,2} BOX [1-9]\d{0,4}')
                then 'route'
            when in_place and left(line, 1) between '1' and '9' then 'street'
        end as shape,
        case when shape = 'street' then regexp_extract(
            line,
            '^([1-9]\d{0,5}) (?:(N|S|E|W|NE|NW|SE|SW|NORTH|SOUTH|EAST|WEST|(?:NORTH|SOUTH)(?:EAST|WEST))\.? )?'
            '([A-Z]{3,}(?: [A-Z]{3,})?|\d{0,2}(?:1ST|2ND|3RD|[04-9]TH)) ([A-Z]{2,})\.?'
            '(?:,? (?:(APT|STE|SUITE|UNIT)\.? |# ?)([1-9]\d{0,4}))?$',
            ['number', 'direction', 'name', 'suffix', 'designator', 'unit']
        ) end as parts
    from placed
)

select
    * exclude (parts, in_place),
    case when shape in ('box', 'route') then split_part(line, 'BOX ', 2) else parts.number end as number,
    case when shape = 'route' then split_part(line, ' ', 1) end as route_kind,
    case when shape = 'route' then split_part(line, ' ', 2) end as route,
    case parts.direction
        when 'NORTH' then 'N' when 'SOUTH' then 'S' when 'EAST' then 'E' when 'WEST' then 'W'
        when 'NORTHEAST' then 'NE' when 'NORTHWEST' then 'NW' when 'SOUTHEAST' then 'SE' when 'SOUTHWEST' then 'SW'
        else nullif(parts.direction, '')
    end as direction,
    nullif(parts.name, '') as street_name,
    nullif(parts.suffix, '') as street_suffix,
    case parts.designator when 'SUITE' then 'STE' when '' then '#' else parts.designator end as designator,
    nullif(parts.unit, '') as unit
from shaped;
