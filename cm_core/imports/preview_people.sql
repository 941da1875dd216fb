-- The first rows of a staged contacts import, for people: raw, and what was made of it as one JSON object.
-- In:  rows, parties, phones, emails, addresses, identifiers, marks (staged); a parameter: the last row number.
with named as (
    select
        row_number,
        list(
            coalesce(
                organization_name,
                nullif(concat_ws(' ', name_prefix, first_name, middle_name, last_name, name_suffix), ''),
                'nameless'
            ) || ' (' || entity_type || ')'
            order by party_no
        ) as names,
        max(date_of_birth)::varchar as date_of_birth
    from parties
    group by row_number
),
phoned as (
    select
        row_number,
        list(
            coalesce(phone_e164 || coalesce(' x' || extension, ''), phone_raw || ' (' || invalid_reason || ')')
            order by phone_key
        ) as phones
    from phones
    where party_no = 1
    group by row_number
),
mailed as (
    select row_number, list(distinct coalesce(email, email_raw || ' (' || invalid_reason || ')')) as emails
    from emails
    group by row_number
),
placed as (
    select
        row_number,
        list(
            case
                when invalid_reason is null or invalid_reason = 'no_street'
                    then concat_ws(', ', street, city, nullif(concat_ws(' ', state, zip), ''))
                else address_raw || ' (' || invalid_reason || ')'
            end
            order by address_key
        ) as addresses
    from addresses
    where party_no = 1
    group by row_number
),
identified as (
    select row_number, list(id_type || ' ' || id_value order by id_type, id_value) as identifiers
    from identifiers
    group by row_number
),
marked as (
    select row_number, list(mark || ' ' || key order by mark, key) as marks
    from marks
    group by row_number
)
select
    r.row_number,
    r.raw,
    json_object(
        'names', n.names, 'phones', f.phones, 'emails', e.emails, 'addresses', a.addresses,
        'identifiers', i.identifiers, 'not to be contacted', m.marks, 'date_of_birth', n.date_of_birth, 'source_date', strftime(r.source_date, '%Y-%m-%d %H:%M:%S')
    )::varchar
from rows as r
left join named as n on r.row_number = n.row_number
left join phoned as f on r.row_number = f.row_number
left join mailed as e on r.row_number = e.row_number
left join placed as a on r.row_number = a.row_number
left join identified as i on r.row_number = i.row_number
left join marked as m on r.row_number = m.row_number
where r.row_number <= ?
