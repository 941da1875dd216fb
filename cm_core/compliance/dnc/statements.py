"""The SQL of do-not-call lists in MySQL. No logic here; what a list means for its area codes is decided in `drafts`."""

from __future__ import annotations

from collections.abc import Sequence

#: Area codes that are named in a query; of more, all are asked for.
FEW_AREAS = 60

# --- What is in force ---------------------------------------------------------------------------------------------

IN_FORCE = """
select
    c.source, c.area_code, c.obtained_at, c.version_id, v.import_id, v.checksum_sha256, c.numbers, c.lake_key, 1
from dnc_area_coverage as c
inner join dnc_list_versions as v on v.id = c.version_id
where c.is_current = 1 and c.{condition}
union all
select
    a.source, a.area_code, a.obtained_at, a.version_id, v.import_id, v.checksum_sha256, a.numbers, a.lake_key, 0
from dnc_additions as a
inner join dnc_list_versions as v on v.id = a.version_id
where a.{condition}
order by 1, 2
"""

FILES = """
select c.area_code, c.lake_key, v.import_id
from dnc_area_coverage as c
inner join dnc_list_versions as v on v.id = c.version_id
where c.source = %s and c.{condition}
union all
select area_code, lake_key, null from dnc_additions where source = %s and {condition}
"""
ANY_LIST = "select exists (select 1 from dnc_area_coverage) or exists (select 1 from dnc_additions)"

# --- Versions -----------------------------------------------------------------------------------------------------

NEWEST_VERSIONS = """
select
    source, kind, import_id, obtained_at, status, status_reason, area_codes, row_count, bad_rows, added, removed,
    checksum_sha256, loaded_at
from dnc_list_versions
order by loaded_at desc, id desc
limit %s
"""

FIND_VERSION = "select id, status from dnc_list_versions where import_id = %s and source = %s"

ACCEPTED = "select exists (select 1 from dnc_list_versions where import_id = %s and status <> 'REFUSED')"

EARLIER_VERSION = """
select exists (
    select 1 from dnc_list_versions where source = %s and import_id <> %s and status <> 'REFUSED'
)
"""

INSERT_VERSION = """
insert into dnc_list_versions
    (source, kind, import_id, obtained_at, status, status_reason, area_codes, row_count, bad_rows, added, removed,
     checksum_sha256, loaded_at)
values
    (%(source)s, %(kind)s, %(import_id)s, %(obtained_at)s, %(status)s, %(status_reason)s, %(area_codes)s,
     %(row_count)s, %(bad_rows)s, %(added)s, %(removed)s, %(checksum)s, %(now)s)
"""
#: A version that is loaded again stays what it was, unless it had been refused; what it changed adds up.
UPDATE_VERSION = """
update dnc_list_versions
set
    kind = %(kind)s, obtained_at = %(obtained_at)s, status = %(status)s,
    status_reason = %(status_reason)s, area_codes = %(area_codes)s, row_count = %(row_count)s,
    bad_rows = %(bad_rows)s, added = added + %(added)s, removed = removed + %(removed)s
where id = %(id)s
"""

NO_LONGER_CURRENT = """
update dnc_area_coverage set is_current = 0 where source = %s and area_code = %s and is_current = 1
"""
COVER = """
insert into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current)
values (%s, %s, %s, %s, %s, %s, 1)
on duplicate key update
    obtained_at = values(obtained_at), numbers = values(numbers), lake_key = values(lake_key), is_current = 1
"""
#: Of a list that is older than what is in force. One that is known already stays as it is.
REMEMBER = """
insert ignore into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current)
values (%s, %s, %s, %s, %s, %s, 0)
"""
ADD_TO_NO_LIST = """
insert into dnc_additions (source, area_code, version_id, obtained_at, numbers, lake_key)
values (%s, %s, %s, %s, %s, %s)
on duplicate key update
    version_id = values(version_id), obtained_at = values(obtained_at), numbers = values(numbers),
    lake_key = values(lake_key)
"""
FORGET_ADDITIONS = "delete from dnc_additions where source = %s and area_code = %s"

# --- Numbers that people here have --------------------------------------------------------------------------------

HELD = """
select distinct substring(phone_e164, 3)
from phone_numbers
where char_length(phone_e164) = 12 and {ranges}
"""
KNOWN = """
select substring(phone_e164, 3), listing_date, removed_at, last_import_id
from dnc_registry
where source = %s and char_length(phone_e164) = 12 and {ranges}
"""
LISTED = "select phone_e164, source from dnc_registry where removed_at is null"
NEW_PHONES = """
select distinct phone_e164
from phone_numbers
where id between %s and %s and phone_e164 like '+1%%'
"""

CREATE_DELTA = """
create temporary table dnc_delta (
    phone_e164 varchar(20) character set ascii collate ascii_bin not null,
    source varchar(32) character set ascii collate ascii_bin not null,
    is_new tinyint(1) not null,
    is_change tinyint(1) not null,
    listing_date date,
    listed_from datetime(6),
    removed_at datetime(6),
    import_id varchar(24) character set ascii collate ascii_bin,
    primary key (phone_e164, source)
) engine = InnoDB
"""
CREATE_CHANGED = """
create temporary table dnc_changed (
    phone_e164 varchar(20) character set ascii collate ascii_bin not null primary key
) engine = InnoDB
"""
FILL_CHANGED = "insert into dnc_changed (phone_e164) select distinct phone_e164 from dnc_delta where is_change = 1"
DROP_TEMPORARY_TABLES = "drop temporary table if exists dnc_delta, dnc_changed"

INSERT_LISTINGS = """
insert into dnc_registry
    (phone_e164, source, listing_date, listed_from, removed_at, first_import_id, last_import_id)
select phone_e164, source, listing_date, listed_from, removed_at, import_id, import_id
from dnc_delta
where is_new = 1
order by phone_e164, source
"""
#: The newest import that has the number, so that an older list does not move it back.
UPDATE_LISTINGS = """
update dnc_registry as r
inner join dnc_delta as d on d.phone_e164 = r.phone_e164 and d.source = r.source
set
    r.listing_date = d.listing_date,
    r.removed_at = d.removed_at,
    r.last_import_id = greatest(r.last_import_id, coalesce(d.import_id, r.last_import_id))
where d.is_new = 0
"""
#: Numbers of new people that were listed all the time.
LIST_FOUND = """
insert into dnc_registry
    (phone_e164, source, listing_date, listed_from, removed_at, first_import_id, last_import_id)
select phone_e164, source, listing_date, listed_from, null, import_id, import_id
from dnc_delta
order by phone_e164, source
on duplicate key update
    listing_date = coalesce(values(listing_date), dnc_registry.listing_date),
    removed_at = null,
    last_import_id = greatest(dnc_registry.last_import_id, values(last_import_id))
"""
#: What is known already is no change.
DROP_KNOWN = """
delete d, c
from dnc_delta as d
inner join dnc_registry as r on r.phone_e164 = d.phone_e164 and r.source = d.source and r.removed_at is null
inner join dnc_changed as c on c.phone_e164 = d.phone_e164
"""
COUNT_DELTA = "select count(*) from dnc_delta"
MARK_PHONES = """
update phone_numbers as f
inner join dnc_changed as d on d.phone_e164 = f.phone_e164
set f.dnc_status = (
    select 'listed' from dnc_registry as r where r.phone_e164 = f.phone_e164 and r.removed_at is null limit 1
)
"""


def of_areas(areas: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """A condition on `area_code`, to be put behind an alias, and its parameters; more than a few areas are all."""
    if areas is None or not 0 < len(areas) <= FEW_AREAS:
        return "area_code is not null", ()
    return f"area_code in ({', '.join(['%s'] * len(areas))})", tuple(areas)


def ranges(areas: Sequence[str], column: str = "phone_e164") -> tuple[str, tuple[str, ...]]:
    """A condition over an indexed column of E.164 numbers, and its parameters: those of the area codes, or all US."""
    if len(areas) > FEW_AREAS:
        return f"{column} between %s and %s", ("+12000000000", "+19999999999")
    pairs = [bound for area in areas for bound in (f"+1{area}0000000", f"+1{area}9999999")]
    return f"({' or '.join([f'{column} between %s and %s'] * len(areas))})", tuple(pairs)
