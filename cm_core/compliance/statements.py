"""The SQL that lists have in common, and of the marks on contact points. No logic here.

That of opt-outs and facts is in `fact_statements`, that of do-not-call lists in `dnc.statements`.
"""

COUNT_STAGED = "select count(distinct row_number) from read_parquet(?, union_by_name = true)"

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

# --- All ----------------------------------------------------------------------------------------------------------

DROP_TEMPORARY_TABLES = "drop temporary table if exists opt_outs_staged, facts_staged, contact_holders"
