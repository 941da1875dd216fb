"""The SQL of opt-outs and facts: DuckDB over the staged Parquet files, MySQL over temporary tables. No logic here."""

# --- DuckDB: the distinct facts of a staged file, in the order of its rows ----------------------------------------

#: One row per request and contact point (a cell may name two); a repeated request keeps its first row number.
#: Files of before postal addresses and names have no columns for them.
STAGED_OPT_OUTS = """
select
    row_number() over (
        order by min(row_number), phone_e164, email_key, address_key, name_zip_key, channel
    ) as fact_no,
    min(row_number) as row_number, channel, phone_e164, email_key, address_key, name_zip_key, opted_out_at,
    arg_min(reason, row_number) as reason, source
from (
    select null::varchar as address_key, null::varchar as name_zip_key where false
    union all by name
    select * from read_parquet(?, union_by_name = true)
)
group by channel, phone_e164, email_key, address_key, name_zip_key, opted_out_at, source
order by 1
"""
OPT_OUT_COLUMNS = (
    "fact_no", "row_number", "channel", "phone_e164", "email_key", "address_key", "name_zip_key", "opted_out_at",
    "reason", "source",
)  # fmt: skip

#: One row per fact. Telephones and names with ZIP are ascii in the tables: in a column of that kind they find by index.
STAGED_FACTS = """
select
    row_number() over (order by row_number, fact, contact_kind, contact_key, fact_key) as fact_no,
    row_number, fact_key, fact, contact_kind, contact_key,
    case when contact_kind in ('phone', 'name_zip', 'person') then contact_key end as ascii_key,
    channel, value, starts_at, ends_at, reason, source
from (
    select distinct on (fact_key) * from staged_facts order by fact_key, row_number
)
order by 1
"""
FACT_COLUMNS = (
    "fact_no", "row_number", "fact_key", "fact", "contact_kind", "contact_key", "ascii_key", "channel", "value",
    "starts_at", "ends_at", "reason", "source",
)  # fmt: skip

# --- Who holds a contact point ------------------------------------------------------------------------------------

DROP_HOLDERS = "drop temporary table if exists contact_holders"
CREATE_HOLDERS = """
create temporary table contact_holders (
    fact_no bigint not null,
    entity_id bigint not null,
    index (fact_no, entity_id)
) engine = InnoDB
"""
_FIND_HOLDERS = """
insert into contact_holders (fact_no, entity_id)
select distinct staged.fact_no, persons.entity_id
from {staged} as staged
inner join {table} as contacts on contacts.{key} = staged.{column}
inner join persons on persons.id = contacts.person_id
where staged.is_known = 0 and {condition}
"""
#: The golden person of the only entity that has the contact points of a fact.
_NAME_SOLE_HOLDERS = """
update {staged} as staged
inner join (
    select fact_no, min(entity_id) as entity_id
    from contact_holders
    group by fact_no
    having count(distinct entity_id) = 1
) as holders on holders.fact_no = staged.fact_no
inner join persons on persons.entity_id = holders.entity_id and persons.is_original = 1
set staged.person_id = persons.id
where staged.person_id is null
"""
#: Of facts that a touchpoint brought, its person is the one they are about.
NAME_PERSONS_OF_TOUCHPOINTS = """
update {staged} as staged
inner join touchpoints on touchpoints.touchpoint_key = staged.touchpoint_key
set staged.person_id = touchpoints.person_id
"""
CHANGED_BY_FACTS = """
insert into changed_entities (entity_id) select distinct entity_id from contact_holders order by entity_id
"""

# --- Opt-outs -----------------------------------------------------------------------------------------------------

CREATE_OPT_OUTS_STAGED = """
create temporary table opt_outs_staged (
    fact_no bigint not null primary key,
    `row_number` bigint,
    channel varchar(8) character set ascii collate ascii_bin not null,
    phone_e164 varchar(20) character set ascii collate ascii_bin,
    email_key varchar(320) character set utf8mb4 collate utf8mb4_bin,
    address_key varchar(255) character set utf8mb4 collate utf8mb4_bin,
    name_zip_key varchar(255) character set ascii collate ascii_bin,
    opted_out_at datetime(6) not null,
    reason varchar(255),
    source varchar(64) not null,
    person_id bigint,
    recorded_by varchar(255),
    touchpoint_key varchar(64) character set ascii collate ascii_bin,
    is_known tinyint(1) not null default 0,
    index (phone_e164),
    index (email_key),
    index (address_key),
    index (name_zip_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
"""

_CONTACT_KEYS = ("phone_e164", "email_key", "address_key", "name_zip_key")


def _known_by(key: str) -> str:
    """Staged requests that are known, and the known ones, by the first of the contact points that they name."""
    before = _CONTACT_KEYS[: _CONTACT_KEYS.index(key)]
    behind = _CONTACT_KEYS[_CONTACT_KEYS.index(key) + 1 :]
    absent = "".join(f" and known.{name} is null and staged.{name} is null" for name in before)
    equal = "".join(f" and known.{name} <=> staged.{name}" for name in behind)
    return (
        f"opt_outs_staged as staged inner join opt_outs as known on known.{key} = staged.{key}{absent}{equal} "
        "and known.channel = staged.channel and known.opted_out_at = staged.opted_out_at "
        "and known.source = staged.source"
    )


_KNOWN_BY_PERSON = """
opt_outs_staged as staged
inner join opt_outs as known
    on known.person_id = staged.person_id
    and known.channel = staged.channel
    and known.opted_out_at = staged.opted_out_at
    and known.source = staged.source
    and coalesce(known.phone_e164, known.email_key, known.address_key, known.name_zip_key) is null
    and coalesce(staged.phone_e164, staged.email_key, staged.address_key, staged.name_zip_key) is null
"""
_KNOWN = (*(_known_by(key) for key in _CONTACT_KEYS), _KNOWN_BY_PERSON)
MARK_KNOWN_OPT_OUTS = tuple(f"update {known} set staged.is_known = 1" for known in _KNOWN)
#: The facts that these mark. One query each: MySQL opens a temporary table only once in a query.
KNOWN_OPT_OUTS = tuple(f"select staged.fact_no from {known}" for known in _KNOWN)

# --- Requests of lists that do not say when somebody asked ---------------------------------------------------------

_RECONSENTED = """
insert into reconsented (entity_id, starts_at)
select distinct persons.entity_id, f.starts_at
from contact_facts as f
{join}
where f.fact = 'reconsent' and f.contact_kind = '{kind}'
"""
_HOLDS = """
inner join {table} as c on c.{key} = {value}
inner join persons on persons.id = c.person_id
"""
_ASCII = "convert(f.contact_key using ascii)"
_RECONSENTED_BY = (
    ("phone", _HOLDS.format(table="phone_numbers", key="phone_e164", value=_ASCII)),
    ("email", _HOLDS.format(table="email_addresses", key="email_key", value="f.contact_key")),
    ("address", _HOLDS.format(table="addresses", key="address_key", value="f.contact_key")),
    ("name_zip", _HOLDS.format(table="addresses", key="name_zip_key", value=_ASCII)),
    ("person", "inner join persons on persons.id = f.person_id"),
)
_STILL_ASKED = """
update opt_outs_staged as staged
inner join opt_outs as known
    on known.{key} = staged.{key} and known.channel = staged.channel and known.source = staged.source
left join contact_facts as lifted
    on lifted.contact_kind = '{kind}'
    and lifted.contact_key = staged.{key}
    and lifted.fact = 'reconsent'
    and lifted.starts_at >= known.opted_out_at
set staged.is_known = 1
where lifted.id is null
"""
_ASKED_ANEW = """
update opt_outs_staged as staged
inner join {table} as c on c.{key} = staged.{key}
inner join persons on persons.id = c.person_id
inner join reconsented as r on r.entity_id = persons.entity_id
set staged.is_known = 0
where staged.is_known = 1
    and not exists (
        select 1
        from opt_outs as known
        where known.{key} = staged.{key}
            and known.channel = staged.channel
            and known.source = staged.source
            and known.opted_out_at > r.starts_at
    )
"""
_KINDS = (
    ("phone", "phone_e164", "phone_numbers"), ("email", "email_key", "email_addresses"),
    ("address", "address_key", "addresses"), ("name_zip", "name_zip_key", "addresses"),
)  # fmt: skip
#: Marks the staged requests as known whose contact point the same source has opted out already: each of its lists would
#: be another request. Not where somebody has consented anew since, by this or another contact point of the same entity.
#: Also makes `dated_requests` (fact_no), empty.
KNOWN_WHILE_IN_FORCE = (
    "drop temporary table if exists reconsented, dated_requests",
    "create temporary table reconsented (entity_id bigint not null, starts_at datetime(6) not null, index (entity_id)) "
    "engine = InnoDB",
    "create temporary table dated_requests (fact_no bigint not null primary key) engine = InnoDB",
    *(_RECONSENTED.format(kind=kind, join=join) for kind, join in _RECONSENTED_BY),
    *(_STILL_ASKED.format(kind=kind, key=key) for kind, key, _ in _KINDS),
    *(_ASKED_ANEW.format(key=key, table=table) for _, key, table in _KINDS),
)
#: A request of which the list gives the day is known only if it is known with that day.
DATED_ARE_THEIR_OWN = """
update opt_outs_staged as staged
inner join dated_requests as d on d.fact_no = staged.fact_no
set staged.is_known = 0
"""

_OPT_OUT_HOLDERS = (
    ("phone_numbers", "phone_e164", "phone_e164"),
    ("email_addresses", "email_key", "email_key"),
    ("addresses", "address_key", "address_key"),
    ("addresses", "name_zip_key", "name_zip_key"),
)
FIND_OPT_OUT_HOLDERS = (
    *(
        _FIND_HOLDERS.format(staged="opt_outs_staged", table=table, key=key, column=column, condition="true")
        for table, key, column in _OPT_OUT_HOLDERS
    ),
    """
    insert into contact_holders (fact_no, entity_id)
    select staged.fact_no, persons.entity_id
    from opt_outs_staged as staged
    inner join persons on persons.id = staged.person_id
    where staged.is_known = 0
    """,
)
NAME_OPT_OUT_HOLDERS = _NAME_SOLE_HOLDERS.format(staged="opt_outs_staged")

INSERT_OPT_OUTS = """
insert into opt_outs
    (person_id, channel, phone_e164, email_key, address_key, name_zip_key, opted_out_at, reason, source, recorded_by,
    import_id, `row_number`)
select person_id, channel, phone_e164, email_key, address_key, name_zip_key, opted_out_at, reason, source, recorded_by,
    %(import_id)s, `row_number`
from opt_outs_staged
where is_known = 0
order by fact_no
"""

#: Source rows, not facts: what the counts of an import are about.
COUNT_NEW_OPT_OUT_ROWS = "select count(distinct `row_number`) from opt_outs_staged where is_known = 0"

MARK_EMAILS_OF_STAGED = """
update email_addresses as emails
inner join opt_outs_staged as staged on staged.email_key = emails.email_key
set emails.opt_out_status = 'opted_out'
where staged.channel in ('email', 'all') and not (emails.opt_out_status <=> 'opted_out')
"""

# --- Facts --------------------------------------------------------------------------------------------------------

CREATE_FACTS_STAGED = """
create temporary table facts_staged (
    fact_no bigint not null primary key,
    `row_number` bigint,
    fact_key varchar(64) character set ascii collate ascii_bin not null,
    fact varchar(32) character set ascii collate ascii_bin not null,
    contact_kind varchar(8) character set ascii collate ascii_bin not null,
    contact_key varchar(320) character set utf8mb4 collate utf8mb4_bin not null,
    ascii_key varchar(255) character set ascii collate ascii_bin,
    channel varchar(8) character set ascii collate ascii_bin not null,
    value varchar(64) character set utf8mb4 collate utf8mb4_bin,
    starts_at datetime(6) not null,
    ends_at datetime(6),
    reason varchar(255),
    source varchar(64) not null,
    person_id bigint,
    recorded_by varchar(255),
    touchpoint_key varchar(64) character set ascii collate ascii_bin,
    is_known tinyint(1) not null default 0,
    unique (fact_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
"""

_KNOWN_FACTS = "facts_staged as staged inner join contact_facts as known on known.fact_key = staged.fact_key"
MARK_KNOWN_FACTS = f"update {_KNOWN_FACTS} set staged.is_known = 1"
KNOWN_FACTS = f"select staged.fact_no from {_KNOWN_FACTS}"

NAME_PERSONS_OF_FACTS = """
update facts_staged set person_id = cast(ascii_key as unsigned) where contact_kind = 'person' and person_id is null
"""
_FACT_HOLDERS = (
    ("phone", "phone_numbers", "phone_e164", "ascii_key"),
    ("email", "email_addresses", "email_key", "contact_key"),
    ("address", "addresses", "address_key", "contact_key"),
    ("name_zip", "addresses", "name_zip_key", "ascii_key"),
)
FIND_FACT_HOLDERS = (
    *(
        _FIND_HOLDERS.format(
            staged="facts_staged", table=table, key=key, column=column, condition=f"staged.contact_kind = '{kind}'"
        )
        for kind, table, key, column in _FACT_HOLDERS
    ),
    """
    insert into contact_holders (fact_no, entity_id)
    select staged.fact_no, persons.entity_id
    from facts_staged as staged
    inner join persons on persons.id = staged.person_id
    where staged.is_known = 0
    """,
)
NAME_FACT_HOLDERS = _NAME_SOLE_HOLDERS.format(staged="facts_staged")

INSERT_FACTS = """
insert into contact_facts
    (fact_key, fact, contact_kind, contact_key, person_id, channel, value, starts_at, ends_at, reason, source,
    recorded_by, import_id, `row_number`)
select fact_key, fact, contact_kind, contact_key, person_id, channel, value, starts_at, ends_at, reason, source,
    recorded_by, %(import_id)s, `row_number`
from facts_staged
where is_known = 0
order by fact_no
"""
COUNT_NEW_FACT_ROWS = "select count(distinct `row_number`) from facts_staged where is_known = 0"

# --- By hand ------------------------------------------------------------------------------------------------------

DROP_FACTS_STAGED = "drop temporary table if exists facts_staged"

#: A message that became known after somebody had decided about its contact point was not seen then: it holds from
#: behind that decision on.
HOLD_UNSEEN = """
update facts_staged as staged
inner join (
    select contact_kind, contact_key, max(starts_at) as decided_at
    from contact_facts
    where fact = 'suspicion_cleared'
    group by contact_kind, contact_key
) as decisions
    on decisions.contact_kind = staged.contact_kind and decisions.contact_key = staged.contact_key
set staged.starts_at = decisions.decided_at + interval 1 microsecond
where staged.fact = 'opt_out_suspected' and decisions.decided_at >= staged.starts_at
"""
_OPEN = """
from contact_facts as f
where f.fact = 'opt_out_suspected'
    and not exists (
        select 1
        from contact_facts as c
        where c.fact = 'suspicion_cleared'
            and c.contact_kind = f.contact_kind
            and c.contact_key = f.contact_key
            and c.starts_at > f.starts_at
    )
"""
_SUSPICION = """
select f.id, f.fact_key, f.contact_kind, f.contact_key, f.person_id, f.value, f.starts_at, f.reason, f.source,
    f.import_id, f.`row_number`
"""
OPEN_SUSPICIONS = f"{_SUSPICION} {_OPEN} order by f.starts_at, f.id limit %(limit)s"
COUNT_OPEN_SUSPICIONS = f"select count(*) {_OPEN}"
OPEN_OF_CONTACT = f"{_SUSPICION} {_OPEN} and f.contact_kind = %(kind)s and f.contact_key = %(key)s order by f.id"
SUSPICIONS_BY_ID = f"{_SUSPICION} from contact_facts as f where f.fact = 'opt_out_suspected' and f.id in %(ids)s"
