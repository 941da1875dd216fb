"""The SQL of `lookup`: what the tables know of the contact points in the temporary table `asked`. No logic here.

MySQL opens a temporary table only once in a query, so there are several and each query reads one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KindTables:
    """Where contact points of a kind are: table, key column, the same in `opt_outs`, and the type of the key."""

    table: str
    key: str
    asked_by: str
    key_type: str


_ASCII = "character set ascii collate ascii_bin"
_EXACT = "character set utf8mb4 collate utf8mb4_bin"
KINDS = {
    "phone": KindTables("phone_numbers", "phone_e164", "phone_e164", f"varchar(20) {_ASCII}"),
    "email": KindTables("email_addresses", "email_key", "email_key", f"varchar(320) {_EXACT}"),
    "address": KindTables("addresses", "address_key", "address_key", f"varchar(255) {_EXACT}"),
    "name_zip": KindTables("addresses", "name_zip_key", "name_zip_key", f"varchar(255) {_ASCII}"),
}

DROP = "drop temporary table if exists asked, asked_holders, asked_entities, asked_members, asked_others"
CREATE_ASKED = """
create temporary table asked (
    contact_key {key_type} not null primary key,
    zip varchar(16) {ascii},
    index (zip)
) engine = InnoDB
"""
CREATE_HOLDERS = """
create temporary table asked_holders (
    contact_key {key_type} not null,
    entity_id bigint not null,
    phone_type varchar(16) {ascii},
    source_date datetime(6) not null,
    index (entity_id)
) engine = InnoDB
"""
CREATE_ENTITIES = "create temporary table asked_entities (entity_id bigint not null primary key) engine = InnoDB"
CREATE_MEMBERS = """
create temporary table asked_members (
    person_id bigint not null primary key,
    entity_id bigint not null
) engine = InnoDB
"""
CREATE_OTHERS = "create temporary table asked_others (contact_key {key_type} not null primary key) engine = InnoDB"
DROP_OTHERS = "drop temporary table if exists asked_others"
ASCII = _ASCII

#: Rows as one JSON document: a list of lists.
ADD_ASKED = f"""
insert ignore into asked (contact_key, zip)
select contact_key, zip
from json_table(%s, '$[*]' columns (
    contact_key varchar(320) {_EXACT} path '$[0]', zip varchar(16) {_ASCII} path '$[1]'
)) as rows_asked
"""
ADD_OTHERS = f"""
insert ignore into asked_others (contact_key)
select contact_key
from json_table(%s, '$[*]' columns (contact_key varchar(320) {_EXACT} path '$[0]')) as rows_asked
"""
ADD_ENTITY = "insert ignore into asked_entities (entity_id) values (%s)"

_FOUND = "select a.contact_key, p.entity_id, {phone_type}, c.source_date"
ADD_HOLDERS = f"""
insert into asked_holders (contact_key, entity_id, phone_type, source_date)
{_FOUND.replace("select", "select straight_join")}
from asked as a
inner join {{table}} as c on c.{{key}} = a.contact_key
inner join persons as p on p.id = c.person_id
"""
#: Keys of addresses have no index; ZIP codes do, and equal keys lie in one.
ADD_ADDRESS_HOLDERS = (
    f"""
    insert into asked_holders (contact_key, entity_id, phone_type, source_date)
    {_FOUND.replace("select", "select straight_join").format(phone_type="null")}
    from asked as a
    inner join addresses as c on c.zip = a.zip and c.address_key = a.contact_key
    inner join persons as p on p.id = c.person_id
    """,
    f"""
    insert into asked_holders (contact_key, entity_id, phone_type, source_date)
    {_FOUND.replace("select", "select straight_join").format(phone_type="null")}
    from addresses as c
    inner join asked as a on a.contact_key = c.address_key
    inner join persons as p on p.id = c.person_id
    where c.zip is null
    """,
)
ADD_ENTITIES = "insert ignore into asked_entities (entity_id) select entity_id from asked_holders"
ADD_MEMBERS = """
insert into asked_members (person_id, entity_id)
select straight_join p.id, p.entity_id
from asked_entities as e
inner join persons as p on p.entity_id = e.entity_id
"""

HOLDERS = "select contact_key, entity_id, phone_type, source_date from asked_holders"
HOMES = """
select distinct m.entity_id, c.state, left(c.zip, 5)
from asked_members as m
inner join addresses as c on c.person_id = m.person_id
where c.state is not null or c.zip is not null
"""
ENTITY_TYPES = """
select distinct m.entity_id, p.entity_type
from asked_members as m
inner join persons as p on p.id = m.person_id
where p.entity_type in ('estate', 'trust')
"""
SHARED = """
select a.contact_key, s.surnames
from asked as a
inner join shared_contacts as s on s.kind = %s and s.contact_key = a.contact_key
"""

_OPT_OUT = (
    "o.id, o.channel, o.opted_out_at, o.phone_e164, o.email_key, o.address_key, o.name_zip_key, o.source, "
    "o.import_id, o.`row_number`"
)
OPT_OUTS_OF_CONTACTS = f"""
select a.contact_key, {_OPT_OUT}
from asked as a
inner join opt_outs as o on o.{{asked_by}} = a.contact_key
"""
OPT_OUTS_OF_PERSONS = f"""
select m.entity_id, {_OPT_OUT}
from asked_members as m
inner join opt_outs as o on o.person_id = m.person_id
"""
OPT_OUTS_OF_OTHERS = f"""
select distinct m.entity_id, c.{{key}}, {_OPT_OUT}
from asked_members as m
inner join {{table}} as c on c.person_id = m.person_id
inner join opt_outs as o on o.{{asked_by}} = c.{{key}}
"""

_FACT = (
    "f.id, f.fact, f.contact_kind, f.contact_key, f.channel, f.value, f.starts_at, f.ends_at, f.source, "
    "f.import_id, f.`row_number`"
)
FACTS_OF_CONTACTS = f"""
select a.contact_key, {_FACT}
from asked as a
inner join contact_facts as f on f.contact_kind = %s and f.contact_key = a.contact_key
"""
#: What holds somebody back stays with the person whom we knew it to be when it came, whoever has the contact point now;
#: a relationship, which permits, goes with the contact point.
FACTS_OF_PERSONS = f"""
select m.entity_id, {_FACT}
from asked_members as m
inner join contact_facts as f on f.person_id = m.person_id
where f.contact_kind = 'person' or (f.fact <> 'relationship' and (f.contact_kind = 'name_zip' or f.fact in %s))
"""
FACTS_OF_OTHERS = f"""
select distinct m.entity_id, {_FACT}
from asked_members as m
inner join {{table}} as c on c.person_id = m.person_id
inner join contact_facts as f on f.contact_kind = %s and f.contact_key = c.{{key}}
where f.contact_kind = 'name_zip' or f.fact in %s
"""

#: Hashes of contact points of people who had their data deleted: by which keys, how many; and those asked about.
KEYS_OF_HASHES = "select value, count(*) from contact_facts where contact_kind = 'hash' group by value"
FACTS_OF_HASHES = f"""
select {_FACT}
from asked_others as a
inner join contact_facts as f on f.contact_kind = 'hash' and f.contact_key = a.contact_key
"""

#: Contact points by which something was asked or said, with how many entities have them, if not too many surnames do.
COUNT_HOLDERS = """
select a.contact_key, count(distinct p.entity_id)
from asked_others as a
inner join {table} as c on c.{key} = a.contact_key
inner join persons as p on p.id = c.person_id
group by a.contact_key
"""
COUNT_ADDRESS_HOLDERS = """
select c.address_key, count(distinct p.entity_id)
from addresses as c
inner join asked_others as a on a.contact_key = c.address_key
inner join persons as p on p.id = c.person_id
group by c.address_key
"""
SHARED_OTHERS = """
select a.contact_key
from asked_others as a
inner join shared_contacts as s on s.kind = %s and s.contact_key = a.contact_key
"""

_TOUCH = "t.touchpoint_type, t.touchpoint_date, coalesce(c.code, t.campaign_code, c.name, t.campaign_name)"
#: What we made or tried to make, as the marts count it.
_OUTBOUND = """
    t.touchpoint_date > %s
    and t.touchpoint_type <> 'crm'
    and coalesce(json_unquote(json_extract(t.metadata, '$.direction')), 'outbound') <> 'inbound'
    and coalesce(t.status, '') not in ('failed', 'bounced', 'undelivered', 'cancelled', 'canceled', 'skipped')
"""
TOUCHES_OF_PERSONS = f"""
select m.entity_id, {_TOUCH}
from asked_members as m
inner join touchpoints as t on t.person_id = m.person_id
left join campaigns as c on c.id = t.campaign_id
where {_OUTBOUND}
"""
TOUCHES_OF_CONTACTS = f"""
select a.contact_key, {_TOUCH}
from asked as a
inner join touchpoints as t on t.{{asked_by}} = a.contact_key
left join campaigns as c on c.id = t.campaign_id
where t.person_id is null and {_OUTBOUND}
"""

LISTINGS = """
select l.phone_e164, l.source, l.listed_from, l.removed_at, l.listing_date, l.last_import_id
from asked as a
inner join dnc_registry as l on l.phone_e164 = a.contact_key
"""
#: The first version of each list and area code, and those that can matter around an instant.
COVERAGE = """
select c.source, c.area_code, c.version_id, c.obtained_at
from dnc_area_coverage as c
inner join (
    select
        source, area_code, min(obtained_at) as first_at,
        max(case when obtained_at <= %s then obtained_at end) as last_at
    from dnc_area_coverage
    group by source, area_code
) as bounds on bounds.source = c.source and bounds.area_code = c.area_code
where c.obtained_at = bounds.first_at or c.obtained_at >= bounds.last_at
"""
