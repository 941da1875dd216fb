"""On which do-not-call lists numbers are, and which lists are held: what verdicts are made with.

The numbers that people here have are in `dnc_registry`, with their history. Those that nobody here has are looked up in
the lists themselves, which are in the lake (`dnc`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.compliance import lookup_statements as statements
from cm_core.compliance.dnc.lists import area_codes_of, as_numbers, e164, in_force, look_up
from cm_core.compliance.facts import Listing, Lists, Version

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.settings import Settings


def listings_of(settings: Settings, connection: Connection[Any], numbers: Sequence[str]) -> dict[str, list[Listing]]:
    """The registrations of E.164 numbers, which the connection's temporary table `asked` has too."""
    found: dict[str, list[Listing]] = defaultdict(list)
    if not numbers:
        return found
    with connection.cursor() as cursor:
        cursor.execute(statements.LISTINGS)
        for number, source, listed_from, removed_at, listing_date, import_id in cursor.fetchall():
            listed = f", listed {listing_date}" if listing_date else ""
            evidence = f"dnc_registry: {source} list{listed}, {import_id}"
            found[number].append(Listing(source, listed_from, removed_at, evidence))
    wanted = as_numbers(numbers)
    for each, hits in look_up(settings, in_force(connection, area_codes_of(wanted)), wanted):
        rows = zip(e164(hits.number).to_pylist(), hits.since.tolist(), hits.listing_date.tolist(), strict=True)
        for number, since, listing_date in rows:
            if any(one.source == each.source and one.removed_at is None for one in found[number]):
                continue
            listed = f", listed {listing_date}" if listing_date else ""
            evidence = f"do-not-call lists: {each.source} list{listed}, {each.import_id}"
            found[number].append(Listing(each.source, since, None, evidence))
    return found


def held_lists(connection: Connection[Any], at: datetime) -> Lists:
    """The do-not-call lists held, as far as they matter at an instant (UTC) and after it."""
    with connection.cursor() as cursor:
        cursor.execute(statements.COVERAGE, (at,))
        return Lists(
            Version(source, area_code, str(version), obtained_at)
            for source, area_code, version, obtained_at in cursor.fetchall()
        )
