"""The SQL of do-not-call lists: DuckDB over the staged Parquet files, MySQL over temporary tables. No logic here.

That of opt-outs and facts is in `fact_statements`.
"""

# --- DuckDB: the distinct facts of a staged file, in key order ----------------------------------------------------

COUNT_STAGED = "select count(distinct row_number) from read_parquet(?, union_by_name = true)"

#: One row per number and list, with its latest date. MySQL compares list names without case and accents.
STAGED_DNC = """
select phone_e164, trim(arg_min(source, row_number)) as source, max(listing_date) as listing_date
from read_parquet(?)
group by phone_e164, lower(strip_accents(trim(source)))
order by phone_e164
"""

# --- Do-not-call lists --------------------------------------------------------------------------------------------

CREATE_DNC_STAGED = """
create temporary table dnc_staged (
    phone_e164 varchar(20) character set ascii collate ascii_bin not null,
    source varchar(32) not null,
    listing_date date,
    primary key (phone_e164, source)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
"""

_KNOWN_DNC = """
dnc_registry as known
inner join dnc_staged as staged on staged.phone_e164 = known.phone_e164 and staged.source = known.source
"""
_LATER_DNC = """
staged.listing_date is not null
    and (known.listing_date is null or known.listing_date < staged.listing_date)
"""
_NEW_DNC = """
from dnc_staged as staged
left join dnc_registry as known on known.phone_e164 = staged.phone_e164 and known.source = staged.source
where known.id is null
"""

UPDATE_DNC_DATES = f"update {_KNOWN_DNC} set known.listing_date = staged.listing_date where {_LATER_DNC}"
COUNT_LATER_DNC = f"select count(*) from {_KNOWN_DNC} where {_LATER_DNC}"

INSERT_DNC = f"""
insert into dnc_registry (phone_e164, listing_date, source, first_import_id, last_import_id)
select staged.phone_e164, staged.listing_date, staged.source, %(import_id)s, %(import_id)s
{_NEW_DNC}
order by staged.phone_e164
"""
COUNT_NEW_DNC = f"select count(*) {_NEW_DNC}"

#: The newest import that has the number, so that a replay of an old import does not move it back.
CONFIRM_DNC = """
update dnc_registry as known
inner join dnc_staged as staged on staged.phone_e164 = known.phone_e164 and staged.source = known.source
set known.last_import_id = %(import_id)s
where known.last_import_id < %(import_id)s
"""

MARK_PHONES_OF_STAGED = """
update phone_numbers as phones
inner join dnc_staged as staged on staged.phone_e164 = phones.phone_e164
set phones.dnc_status = 'listed'
where not (phones.dnc_status <=> 'listed')
"""

# --- Contact points that came after the list ----------------------------------------------------------------------

MARK_NEW_PHONES = """
update phone_numbers as phones
inner join dnc_registry as listed on listed.phone_e164 = phones.phone_e164
set phones.dnc_status = 'listed'
where phones.id between %s and %s and not (phones.dnc_status <=> 'listed')
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
where not (phones.dnc_status <=> 'listed')
"""

MARK_SHADOW_EMAILS = """
update email_addresses__new as emails
inner join opt_outs as asked on asked.email_key = emails.email_key
set emails.opt_out_status = 'opted_out'
where asked.channel in ('email', 'all')
    and not (emails.opt_out_status <=> 'opted_out')
"""

# --- All ----------------------------------------------------------------------------------------------------------

DROP_TEMPORARY_TABLES = "drop temporary table if exists dnc_staged, opt_outs_staged, facts_staged, contact_holders"
