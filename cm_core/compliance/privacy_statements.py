"""The SQL of privacy deletion. What it is for is said in `privacy`; no logic here."""

#: The persons of an entity.
PERSONS = "create temporary table forgotten_persons (id bigint primary key)"
DROP_PERSONS = "drop temporary table if exists forgotten_persons"
FILL_PERSONS = "insert into forgotten_persons (id) select id from persons where entity_id = %(entity_id)s"

_KEYS = """
select '{kind}', c.{key}
from forgotten_persons as l
inner join {table} as c on c.person_id = l.id
where c.{key} is not null and {valid}
"""
#: Contact points of the persons, by the keys that lists would bring them back by. One query each: MySQL opens a
#: temporary table only once in a query.
KEYS = (
    _KEYS.format(kind="phone", table="phone_numbers", key="phone_e164", valid="true"),
    _KEYS.format(kind="email", table="email_addresses", key="email_key", valid="c.email is not null"),
    _KEYS.format(kind="name_zip", table="addresses", key="name_zip_key", valid="true"),
)

#: Which tables lose their rows of the persons; those with contact points first say whom that concerns.
CONTACT_TABLES = ("phone_numbers", "email_addresses", "addresses")
DROP_CONTACTS = "drop temporary table if exists forgotten_contacts"
CONTACTS = "create temporary table forgotten_contacts (id bigint primary key)"
FILL_CONTACTS = """
insert into forgotten_contacts (id)
select c.id from forgotten_persons as l inner join {table} as c on c.person_id = l.id
"""
DELETE = "delete c from {table} as c inner join forgotten_persons as l on l.id = c.person_id"
CLEAR_PERSONS = """
update persons as p
inner join forgotten_persons as l on l.id = p.id
set p.name_prefix = null, p.first_name = null, p.middle_name = null, p.last_name = null, p.name_suffix = null,
    p.organization_name = null, p.first_key = null, p.last_key = null, p.organization_key = null,
    p.date_of_birth = null, p.name_source_date = null, p.birth_source_date = null, p.updated_at = %(at)s
"""
#: Caps count contacts whose person nobody knows by contact point: for all others who have those of the persons.
CHANGED_BY_DETACHED = tuple(
    f"""
    insert into changed_entities (entity_id)
    select distinct straight_join p.entity_id
    from forgotten_persons as l
    inner join touchpoints as t on t.person_id = l.id
    inner join {table} as c on c.{key} = t.{key}
    inner join persons as p on p.id = c.person_id
    """
    for table, key in (("phone_numbers", "phone_e164"), ("email_addresses", "email_key"))
)
#: Contact history stays (its records are to be kept), and is no longer anybody's.
DETACH_TOUCHPOINTS = """
update touchpoints as t
inner join forgotten_persons as l on l.id = t.person_id
set t.person_id = null, t.match_key = null, t.unmatched_reason = 'unknown'
"""
#: Copies of what rows said, kept for people to look at.
CLEAR_COPIES = (
    """
    delete r
    from forgotten_persons as l
    inner join person_sources as s on s.person_id = l.id
    inner join staging_raw_import as r on r.import_id = s.import_id and r.`row_number` = s.`row_number`
    """,
    """
    update forgotten_persons as l
    inner join person_sources as s on s.person_id = l.id
    inner join import_validation_log as f on f.import_id = s.import_id and f.`row_number` = s.`row_number`
    set f.field_value = null
    """,
    """
    update dedup_audit_log as a
    inner join forgotten_persons as l on l.id = a.original_person_id
    set a.merged_fields = null
    """,
    """
    update dedup_audit_log as a
    inner join forgotten_persons as l on l.id = a.duplicate_person_id
    set a.merged_fields = null
    """,
)
#: The CRM's people that the persons are. What was read of them, agreed, planned and settled is emptied, and `erased`
#: keeps what is read later from being kept.
CRM_PEOPLE = """
select distinct c.crm_person_id
from forgotten_persons as l
inner join person_identifiers as i on i.person_id = l.id and i.id_type = 'record:pipedrive_person'
inner join crm_persons as c on c.crm_person_id = cast(i.id_value as unsigned)
order by c.crm_person_id
"""
CLEAR_CRM = (
    """
    update crm_persons
    set state = 'erased', record = json_object('id', crm_person_id), record_hash = '', landed_hash = '', agreed = null,
        manual = null, pushed = null, opt_outs = null
    where crm_person_id in %(ids)s
    """,
    """
    update crm_steps
    set changes = '[]', ours = null, state = if(state = 'waiting', 'superseded', state)
    where crm_person_id in %(ids)s or entity_id = %(entity_id)s
    """,
    """
    update crm_resolutions
    set base = null, ours = null, theirs = null, result = null
    where crm_person_id in %(ids)s or entity_id = %(entity_id)s
    """,
)
LOG = """
insert into dedup_audit_log (job_id, action, original_person_id, duplicate_person_id, match_reason)
select %(job_id)s, 'forget', %(golden_id)s, id, %(reason)s from forgotten_persons order by id
"""
SOURCES = """
select s.import_id, m.filename, m.s3_location, s.`row_number`
from forgotten_persons as l
inner join person_sources as s on s.person_id = l.id
inner join import_metadata as m on m.import_id = s.import_id
order by s.import_id, s.`row_number`
"""
