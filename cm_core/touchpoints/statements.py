"""The MySQL statements of campaigns and touchpoints. What they mean is said where they are used; no logic here."""

# --- Whom touchpoints belong to -----------------------------------------------------------------------------------

ANY_TOUCHPOINTS = "select exists (select 1 from touchpoints)"

ADD_NEW_PHONES = """
insert ignore into touchpoint_scope (id)
select straight_join t.id
from phone_numbers as c
inner join touchpoints as t on t.phone_e164 = c.phone_e164
where c.id between %(first)s and %(last)s
"""
ADD_NEW_EMAILS = """
insert ignore into touchpoint_scope (id)
select straight_join t.id
from email_addresses as c
inner join touchpoints as t on t.email_key = c.email_key
where c.id between %(first)s and %(last)s
"""
ADD_NEW_ADDRESSES = """
insert ignore into touchpoint_scope (id)
select straight_join t.id
from addresses as c
inner join touchpoints as t on t.name_zip_key = c.name_zip_key
where c.id between %(first)s and %(last)s
"""
ADD_WRITTEN = "insert ignore into touchpoint_scope (id) select id from touchpoints_changed"
ADD_BLOCK = """
insert ignore into touchpoint_scope (id)
select id from touchpoints where id between %(first)s and %(last)s
"""

ADD_LEFT_NAMES = """
insert ignore into touchpoint_scope (id)
select t.id from touchpoint_left_names as l inner join touchpoints as t on t.name_zip_key = l.contact
"""
ADD_SHARED_PHONES = """
insert ignore into touchpoint_scope (id)
select t.id from new_shared as s inner join touchpoints as t on t.phone_e164 = s.contact_key where s.kind = 'phone'
"""
ADD_SHARED_EMAILS = """
insert ignore into touchpoint_scope (id)
select t.id from new_shared as s inner join touchpoints as t on t.email_key = s.contact_key where s.kind = 'email'
"""

#: Persons of whom something was written at a moment; `persons` holds those that may be.
CHANGED_PERSONS = (
    """
    insert ignore into touchpoint_changed (id)
    select p.id from {persons} as l inner join persons as p on p.id = l.id where p.updated_at = %(at)s
    """,
    """
    insert ignore into touchpoint_changed (id)
    select c.person_id
    from {persons} as l
    inner join phone_numbers as c on c.person_id = l.id
    where c.updated_at = %(at)s
    """,
    """
    insert ignore into touchpoint_changed (id)
    select c.person_id from {persons} as l inner join addresses as c on c.person_id = l.id where c.updated_at = %(at)s
    """,
)
#: The whole entity, since its newest name is what a touchpoint's name is compared with.
ENTITIES_OF = """
insert ignore into touchpoint_persons (id)
select straight_join e.id
from {persons} as l
inner join persons as p on p.id = l.{column}
inner join persons as e on e.entity_id = p.entity_id
"""
ADD_OF_PERSONS = (
    """
    insert ignore into touchpoint_scope (id)
    select straight_join t.id from touchpoint_persons as l inner join touchpoints as t on t.person_id = l.id
    """,
    """
    insert ignore into touchpoint_scope (id)
    select straight_join t.id
    from touchpoint_persons as l
    inner join phone_numbers as c on c.person_id = l.id
    inner join touchpoints as t on t.phone_e164 = c.phone_e164
    """,
    """
    insert ignore into touchpoint_scope (id)
    select straight_join t.id
    from touchpoint_persons as l
    inner join email_addresses as c on c.person_id = l.id
    inner join touchpoints as t on t.email_key = c.email_key
    """,
    """
    insert ignore into touchpoint_scope (id)
    select straight_join t.id
    from touchpoint_persons as l
    inner join addresses as c on c.person_id = l.id
    inner join touchpoints as t on t.name_zip_key = c.name_zip_key
    """,
)

NEXT_SHARE = """
select max(id) from (select id from touchpoint_scope where id > %(low)s order by id limit %(rows)s) as share
"""
KEYS_OF_SHARE = """
select straight_join t.id, t.phone_e164, t.email_key, t.name_zip_key, t.first_key, t.generation, t.organization_key,
    t.person_id, t.match_key, t.unmatched_reason
from touchpoint_scope as s
inner join touchpoints as t on t.id = s.id
where s.id > %(low)s and s.id <= %(high)s
"""
_HOLDERS = """
select straight_join '{kind}', l.contact, p.id, p.entity_id, e.id, e.entity_type, e.first_key, e.last_key,
    e.name_suffix, e.organization_key, e.name_source_date,
    (e.first_name is not null) + (e.middle_name is not null) + (e.last_name is not null)
        + (e.name_suffix is not null) + (e.name_prefix is not null),
    concat_ws('|', e.organization_name, e.last_name, e.first_name, e.middle_name, e.name_suffix, e.name_prefix,
        e.entity_type)
from touchpoint_contacts as l
inner join {table} as c on c.{column} = l.contact and {valid}
inner join persons as p on p.id = c.person_id
inner join persons as e on e.entity_id = p.entity_id
"""
HOLDERS = {
    "phone": _HOLDERS.format(
        kind="phone", table="phone_numbers", column="phone_e164", valid="not (c.phone_type <=> 'fax')"
    ),
    "email": _HOLDERS.format(kind="email", table="email_addresses", column="email_key", valid="c.email is not null"),
    "name_zip": _HOLDERS.format(kind="name_zip", table="addresses", column="name_zip_key", valid="true"),
}
SHARED = """
select s.kind, s.contact_key
from touchpoint_contacts as l
inner join shared_contacts as s on s.contact_key = l.contact
where s.kind = %(kind)s
"""
#: Shared contacts are no keys; whoever holds them need not be read.
FORGET_SHARED = """
delete l from touchpoint_contacts as l
inner join shared_contacts as s on s.contact_key = l.contact
where s.kind = %(kind)s
"""
#: Caps count contacts whose person nobody knows by contact point, for all who have it.
_CHANGED_HOLDERS = """
insert into changed_entities (entity_id)
select distinct straight_join p.entity_id
from (
    select distinct t.{key} as contact
    from {touchpoints}
    where t.person_id is null and t.{key} is not null
) as k
inner join {table} as c on c.{key} = k.contact
inner join persons as p on p.id = c.person_id
"""
_CHANGED_PERSONS = """
insert into changed_entities (entity_id)
select distinct straight_join p.entity_id
from {touchpoints}
inner join persons as p on p.id = t.person_id
"""


def _changed_by(touchpoints: str) -> tuple[str, ...]:
    """Whose touchpoints those in the `from` clause are, for sure or perhaps."""
    return (
        _CHANGED_PERSONS.format(touchpoints=touchpoints),
        _CHANGED_HOLDERS.format(touchpoints=touchpoints, table="phone_numbers", key="phone_e164"),
        _CHANGED_HOLDERS.format(touchpoints=touchpoints, table="email_addresses", key="email_key"),
    )


#: Before and after they are attached: whose touchpoints they were, and whose they are.
CHANGED_BY_MATCHES = _changed_by("touchpoint_matches as m inner join touchpoints as t on t.id = m.id")
ATTACH = """
update touchpoints as t
inner join touchpoint_matches as m on m.id = t.id
set t.person_id = m.person_id, t.match_key = m.match_key, t.unmatched_reason = m.unmatched_reason
"""

# --- Touchpoints --------------------------------------------------------------------------------------------------

KNOWN_TOUCHPOINTS = """
select straight_join t.touchpoint_key, t.id, t.status is not null, t.source_date, t.content_key
from touchpoint_keys as k
inner join touchpoints as t on t.touchpoint_key = k.contact
"""
PLACED_ROWS = "select `row_number`, touchpoint_key from touchpoints where import_id = %(import_id)s"
UPDATE_TOUCHPOINTS = """
update touchpoints as t
inner join touchpoints_changed as c on c.id = t.id
set {assignments}, t.import_id = %(import_id)s, t.updated_at = %(at)s
"""
CHANGED_BY_TOUCHPOINTS = _changed_by("touchpoints_changed as c inner join touchpoints as t on t.id = c.id")
CONFIRM_TOUCHPOINTS = """
update touchpoints as t
inner join touchpoints_confirmed as c on c.id = t.id
set t.source_date = c.source_date
"""
WAITING = """
select count(*), coalesce(sum(import_id = %(import_id)s), 0) from touchpoints where person_id is null
"""

# --- Campaigns ----------------------------------------------------------------------------------------------------

CAMPAIGNS = """
select id, campaign_key, code, name, type, start_date, end_date, source_date, first_import_id, last_import_id
from campaigns
"""
CAMPAIGN_FACTS = """
select c.campaign_key, s.import_id, s.`row_number`, s.code, s.name, s.type, s.start_date, s.end_date, s.source_date,
    s.operation
from campaign_sources as s
inner join campaigns as c on c.id = s.campaign_id
"""
CAMPAIGN_NAMES = """
select s.campaign_id, s.code, s.name, c.type
from campaign_sources as s
inner join campaigns as c on c.id = s.campaign_id
union
select id, code, name, type from campaigns
"""
UPDATE_CAMPAIGNS = """
update campaigns as c
inner join campaigns_folded as f on f.campaign_key = c.campaign_key
set c.code = f.code, c.name = f.name, c.type = f.type, c.start_date = f.start_date, c.end_date = f.end_date,
    c.source_date = f.source_date, c.first_import_id = f.first_import_id, c.last_import_id = f.last_import_id,
    c.updated_at = %(at)s
where not f.is_new
"""
INSERT_CAMPAIGNS = """
insert into campaigns
    (campaign_key, code, name, type, start_date, end_date, source_date, first_import_id, last_import_id, created_at,
    updated_at)
select campaign_key, code, name, type, start_date, end_date, source_date, first_import_id, last_import_id,
    %(at)s, %(at)s
from campaigns_folded
where is_new
order by campaign_key
"""
INSERT_CAMPAIGN_SOURCES = """
insert into campaign_sources
    (import_id, `row_number`, campaign_id, code, name, type, start_date, end_date, source_date, operation)
select %(import_id)s, r.`row_number`, c.id, r.code, r.name, r.type, r.start_date, r.end_date, r.source_date, r.operation
from campaign_rows as r
inner join campaigns as c on c.campaign_key = r.campaign_key
order by r.`row_number`
"""
_REFERENCES = """
select distinct t.campaign_code, t.campaign_name, t.touchpoint_type, t.campaign_id
from campaign_touched as k
inner join touchpoints as t on t.{column} = k.contact
"""
REFERENCES = tuple(_REFERENCES.format(column=column) for column in ("campaign_code", "campaign_name"))
_REFERRED = """
campaign_resolved as r
inner join touchpoints as t
    on {join} and t.touchpoint_type = r.touchpoint_type and not (t.campaign_id <=> r.campaign_id) and {condition}
"""
_REFER = f"update {_REFERRED} set t.campaign_id = r.campaign_id"
_BY_CODE = {
    "join": "r.campaign_code = t.campaign_code and r.campaign_name <=> t.campaign_name",
    "condition": "r.campaign_code is not null",
}
_BY_NAME = {
    "join": "r.campaign_name = t.campaign_name",
    "condition": "r.campaign_code is null and t.campaign_code is null",
}
REFER = (_REFER.format(**_BY_CODE), _REFER.format(**_BY_NAME))
#: Whose touchpoints these two are about to change: caps count the touches of a campaign.
CHANGED_BY_REFERENCE = (
    *_changed_by(_REFERRED.format(**_BY_CODE)),
    *_changed_by(_REFERRED.format(**_BY_NAME)),
)
