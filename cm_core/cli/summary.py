"""`cm dedupe`: run the follow-up jobs and say in numbers what the database now holds."""

from __future__ import annotations

import time
from typing import Any

import pymysql

from cm_core.cli import output, runner
from cm_core.settings import Settings
from cm_core.store.database import Database

_PEOPLE = """
select
    (select count(*) from persons) as persons,
    (select count(*) from persons where is_original = 1) as golden_records,
    (select count(*) from person_duplicates) as duplicates,
    (select count(distinct original_id) from person_duplicates) as clusters_of_duplicates,
    (select count(*) from person_relations where relation = 'household') as household_links,
    (select count(distinct household_id) from households) as households,
    (select count(*) from shared_contacts) as shared_contacts
"""
#: Marts of verdicts by channel.
CHANNELS = {channel: f"compliance_{channel}" for channel in ("call", "sms", "email", "mail")}
_VERDICTS = "select verdict, reason_code, count(*) from {mart} group by verdict, reason_code order by 3 desc"


def dedupe(settings: Settings, database: Database, *, full: bool = False) -> dict[str, Any]:
    """Find duplicates and rebuild the marts; counts of people, golden records and verdicts."""
    started = time.monotonic()
    found = runner.run_dedupe(settings, full=full)
    built = runner.run_marts(settings) if found.success else found
    errors = [*found.errors, *(built.errors if built is not found else ())]
    for error in errors:
        output.print_error(error)
    return {
        "status": "COMPLETE" if found.success and built.success else "FAILED",
        "run_id": found.run_id,
        "errors": errors,
        **people(database),
        "verdicts": verdicts(database),
        "duration_sec": round(time.monotonic() - started, 3),
    }


def people(database: Database) -> dict[str, int]:
    """Persons, golden records, duplicates and their like, as counts."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_PEOPLE)
        names = [column[0] for column in cursor.description]
        row = cursor.fetchone()
    return dict(zip(names, row or (), strict=True))


def verdicts(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Contact points per channel, verdict and reason; a channel whose mart is not built yet is left out."""
    result: dict[str, list[dict[str, Any]]] = {}
    with database.connect() as connection, connection.cursor() as cursor:
        for channel, mart in CHANNELS.items():
            try:
                cursor.execute(_VERDICTS.format(mart=mart))
            except pymysql.ProgrammingError:
                continue
            result[channel] = [
                {"verdict": verdict, "reason": reason, "contact_points": count}
                for verdict, reason, count in cursor.fetchall()
            ]
    return result


def print_verdicts(found: dict[str, list[dict[str, Any]]]) -> None:
    """Verdicts per channel as a table."""
    rows = [
        (channel, item["verdict"], item["reason"], f"{item['contact_points']:,}")
        for channel, items in found.items()
        for item in items
    ]
    output.print_table(("channel", "verdict", "reason", "contact points"), rows, title="May it be used?")
