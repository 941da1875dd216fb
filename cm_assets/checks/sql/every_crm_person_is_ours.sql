-- People of the CRM who have landed as they are now and are nobody's: no source row brought them. While a pull or an import
-- of them is under way, nobody can tell.
select p.crm_person_id, p.state, p.first_seen_at, p.last_seen_at
from crm_persons as p
left join person_identifiers as i
    on i.id_type = 'record:pipedrive_person' and i.id_value = cast(p.crm_person_id as char)
where p.state = 'live'
    and p.landed_hash = p.record_hash
    and i.person_id is null
    and not exists (select 1 from api_pulls as a where a.source = 'pipedrive_persons' and a.state = 'OPEN')
    and not exists (
        select 1
        from api_pulls as a
        left join import_metadata as m on m.landing_key = a.landing_key
        where a.source = 'pipedrive_persons' and a.state = 'LANDED'
            and (m.import_id is null or m.status not in ('COMPLETE', 'DUPLICATE', 'REJECTED', 'FAILED'))
    )
order by p.crm_person_id
limit %(limit)s
