"""The SQL of `suppressions`: DuckDB over the staged Parquet files, MySQL over temporary tables. No logic here."""

# --- DuckDB: the distinct facts of a staged file, in key order ----------------------------------------------------

COUNT_STAGED = "select count(distinct row_number) from read_parquet(?)"

#: One row per request and contact point (a cell may name two); a repeated request keeps its first row number.
STAGED_OPT_OUTS = """
select
    row_number() over (order by min(row_number), phone_e164, email_key, channel) as fact_no,
    min(row_number) as row_number, channel, phone_e164, email_key, opted_out_at,
    arg_min(reason, row_number) as reason, source
from read_parquet(?)
group by channel, phone_e164, email_key, opted_out_at, source
order by 1
"""

# --- Opt-outs -----------------------------------------------------------------------------------------------------

CREATE_OPT_OUTS_STAGED = """
create temporary table opt_outs_staged (
    fact_no bigint not null primary key,
    `row_number` bigint not null,
    channel varchar(8) character set ascii collate ascii_bin not null,
    phone_e164 varchar(20) character set ascii collate ascii_bin,
    email_key varchar(320) character set utf8mb4 collate utf8mb4_bin,
    opted_out_at datetime(6) not null,
    reason varchar(255),
    source varchar(64) not null,
    person_id bigint,
    is_known tinyint(1) not null default 0,
    index (phone_e164),
    index (email_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
"""

_KNOWN_BY_PHONE = """
opt_outs_staged as staged
inner join opt_outs as known
    on known.phone_e164 = staged.phone_e164
    and known.email_key <=> staged.email_key
    and known.channel = staged.channel
    and known.opted_out_at = staged.opted_out_at
    and known.source = staged.source
"""
_KNOWN_BY_EMAIL = """
opt_outs_staged as staged
inner join opt_outs as known
    on known.email_key = staged.email_key
    and known.phone_e164 is null
    and known.channel = staged.channel
    and known.opted_out_at = staged.opted_out_at
    and known.source = staged.source
"""
MARK_KNOWN_BY_PHONE = f"update {_KNOWN_BY_PHONE} set staged.is_known = 1"
MARK_KNOWN_BY_EMAIL = f"update {_KNOWN_BY_EMAIL} set staged.is_known = 1 where staged.phone_e164 is null"

#: The facts that the two above mark. One query each: MySQL opens a temporary table only once in a query.
KNOWN_OPT_OUTS = (
    f"select staged.fact_no from {_KNOWN_BY_PHONE}",
    f"select staged.fact_no from {_KNOWN_BY_EMAIL} where staged.phone_e164 is null",
)

CREATE_HOLDERS = """
create temporary table opt_out_holders (
    fact_no bigint not null,
    entity_id bigint not null,
    index (fact_no, entity_id)
) engine = InnoDB
"""

FIND_PHONE_HOLDERS = """
insert into opt_out_holders (fact_no, entity_id)
select distinct staged.fact_no, persons.entity_id
from opt_outs_staged as staged
inner join phone_numbers as phones on phones.phone_e164 = staged.phone_e164
inner join persons on persons.id = phones.person_id
where staged.is_known = 0
"""

FIND_EMAIL_HOLDERS = """
insert into opt_out_holders (fact_no, entity_id)
select distinct staged.fact_no, persons.entity_id
from opt_outs_staged as staged
inner join email_addresses as emails on emails.email_key = staged.email_key
inner join persons on persons.id = emails.person_id
where staged.is_known = 0
"""

NAME_SOLE_HOLDERS = """
update opt_outs_staged as staged
inner join (
    select fact_no, min(entity_id) as entity_id
    from opt_out_holders
    group by fact_no
    having count(distinct entity_id) = 1
) as holders on holders.fact_no = staged.fact_no
inner join persons on persons.entity_id = holders.entity_id and persons.is_original = 1
set staged.person_id = persons.id
"""

INSERT_OPT_OUTS = """
insert into opt_outs
    (person_id, channel, phone_e164, email_key, opted_out_at, reason, source, import_id, `row_number`)
select person_id, channel, phone_e164, email_key, opted_out_at, reason, source, %(import_id)s, `row_number`
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

# --- Contact points that came after the list ----------------------------------------------------------------------

MARK_NEW_PHONES = """
update phone_numbers as phones
inner join dnc_registry as listed on listed.phone_e164 = phones.phone_e164
set phones.dnc_status = 'listed'
where phones.id between %s and %s and listed.removed_at is null and not (phones.dnc_status <=> 'listed')
"""

MARK_NEW_EMAILS = """
update email_addresses as emails
inner join opt_outs as asked on asked.email_key = emails.email_key
set emails.opt_out_status = 'opted_out'
where emails.id between %s and %s
    and asked.channel in ('email', 'all')
    and not (emails.opt_out_status <=> 'opted_out')
"""

MARK_SHADOW_PHONES = """
update phone_numbers__new as phones
inner join dnc_registry as listed on listed.phone_e164 = phones.phone_e164
set phones.dnc_status = 'listed'
where listed.removed_at is null and not (phones.dnc_status <=> 'listed')
"""

MARK_SHADOW_EMAILS = """
update email_addresses__new as emails
inner join opt_outs as asked on asked.email_key = emails.email_key
set emails.opt_out_status = 'opted_out'
where asked.channel in ('email', 'all')
    and not (emails.opt_out_status <=> 'opted_out')
"""

# --- Both ---------------------------------------------------------------------------------------------------------

DROP_TEMPORARY_TABLES = "drop temporary table if exists opt_outs_staged, opt_out_holders"
