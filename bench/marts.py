"""The marts: built from nothing, and after one new opt-out.

Run: python -m bench.marts [--people 1000000]. Canonical rows are made by arithmetic and loaded in bulk: people with
about three contact points each, a third of the numbers on a do-not-call list, opt-outs, facts, a year of touchpoints.
Then `dbt build` as the graph runs it, tests included, and once more after one opt-out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from cm_core.compliance import builds
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.bulk import load
from cm_core.store.locks import transaction
from cm_core.store.migrations import upgrade
from resources.dbt_project import build_arguments, dbt_environment, executable, project_dir

_IMPORT = "imp_2026_01_01_001"
_AT = "2026-01-01 00:00:00"
_ADD_IMPORT = """
insert into import_metadata (import_id, feed, filename, source_type, import_date, landing_key, s3_location, uploaded_at,
    source_date, file_size_bytes, checksum_sha256, status)
values (%s, 'contacts', 'people.csv', 'csv', %s, 'k', 'file:///k', %s, %s, 1, 'x', 'COMPLETE')
"""
_PROVENANCE = {"source_date": _AT, "first_import_id": _IMPORT, "last_import_id": _IMPORT}

#: Table, its columns, and the query that fills them.
_LOADS: list[tuple[str, list[str], str]] = [
    (
        "persons",
        ["id", "entity_id", "is_original", "entity_type", "first_name", "last_name", "name_source_date"],
        f"select id, entity_id, is_original, entity_type, 'ANN', 'LEE' || id, timestamp '{_AT}' from people",
    ),
    (
        "phone_numbers",
        ["id", "person_id", "phone_key", "phone_raw", "phone_e164", "phone_type", "region", "is_primary"],
        "select id, person_id, phone_e164, phone_e164, phone_e164, phone_type, 'US', 1 from phones",
    ),
    (
        "email_addresses",
        ["id", "person_id", "email_key", "email_raw", "email", "is_primary"],
        "select id, person_id, email, email, email, 1 from emails",
    ),
    (
        "addresses",
        ["id", "person_id", "address_key", "address_raw", "street", "city", "state", "zip", "is_primary"],
        "select id, person_id, street || '|' || zip, street, street, 'ENID', state, zip, 1 from homes",
    ),
]
_MORE = """
insert into dnc_list_versions (id, source, kind, import_id, obtained_at, status, area_codes, row_count, bad_rows, added,
    removed, checksum_sha256)
values (1, 'national', 'full', '{import_id}', '{recent}', 'IN_FORCE', 16, 1, 0, 1, 0, 'x');

insert into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current)
select distinct 'national', substring(phone_e164, 3, 3), 1, '{recent}', 1, 'k', 1 from phone_numbers;

insert ignore into dnc_registry (phone_e164, listing_date, source, first_import_id, last_import_id)
select phone_e164, '2020-01-01', 'national', '{import_id}', '{import_id}' from phone_numbers where id % 3 = 0;

insert into opt_outs (channel, phone_e164, opted_out_at, source)
select 'all', phone_e164, '2025-06-01', 'bench' from phone_numbers where id % 100 = 7;

insert into contact_facts (fact_key, fact, contact_kind, contact_key, channel, value, starts_at, source)
select sha2(phone_e164, 256), 'consent', 'phone', phone_e164, 'all', 'written', '2025-06-01', 'bench'
from phone_numbers where id % 100 = 11 group by phone_e164;

insert into touchpoints (id, touchpoint_key, person_id, match_key, touchpoint_type, touchpoint_date, status, source,
    content_key, source_date)
select id, id, id, 'phone', 'mail', '{recent}' - interval (id % 400) day, 'sent', 'bench', 'x', '{recent}' from persons;

analyze table persons, phone_numbers, email_addresses, addresses, dnc_registry, opt_outs, contact_facts, touchpoints
"""
_STOP = [
    "insert into opt_outs (channel, phone_e164, opted_out_at, source) "
    "select 'all', phone_e164, utc_timestamp(6) - interval 1 minute, 'bench' from phone_numbers where id = %s",
    "insert into changed_entities (entity_id) select distinct persons.entity_id from phone_numbers as asked "
    "inner join phone_numbers as held on held.phone_e164 = asked.phone_e164 "
    "inner join persons on persons.id = held.person_id where asked.id = %s",
]
_SEE = (
    "select call_.verdict, call_.reason_code from compliance_call as call_ "
    "inner join phone_numbers on phone_numbers.phone_key = call_.contact_key where phone_numbers.id = %s"
)


def run(people: int) -> None:
    """Print a line for the whole build and one for the opt-out."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        settings = Settings(home=Path(folder) / "home")
        server = PrivateServer(settings.home_dir)
        try:
            database = Database(server.ensure_running().writer)
            upgrade(database)
            points = _fill(database, people)
            seconds = _build(settings, database)
            print(f"marts from nothing: {people:,} people, {points:,} contact points: {seconds:.1f} s", flush=True)
            asked = people // 2
            with closing(database.connect()) as connection, transaction(connection), connection.cursor() as cursor:
                for statement in _STOP:
                    cursor.execute(statement, (asked,))
            seconds = _build(settings, database)
            print(f"marts after one opt-out: {seconds:.1f} s, verdict {_one(database, _SEE, asked)}", flush=True)
        finally:
            server.stop()


def _fill(database: Database, people: int) -> int:
    duck = duckdb.connect()
    duck.execute("set variable people = ?", [people])
    duck.execute(Path(__file__).with_name("marts.sql").read_text())
    recent = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d %H:%M:%S}"
    with closing(database.connect()) as connection, transaction(connection):
        with connection.cursor() as cursor:
            cursor.execute(_ADD_IMPORT, (_IMPORT, _AT, _AT, _AT))
        for table, columns, query in _LOADS:
            load(connection, duck, query, table, columns, constants=_PROVENANCE)
        for statement in _MORE.split(";\n"):
            with connection.cursor() as cursor:
                cursor.execute(statement.replace("{import_id}", _IMPORT).replace("{recent}", recent))
    return int(
        _one(
            database,
            "select (select count(*) from phone_numbers) + (select count(*) from email_addresses) "
            "+ (select count(*) from addresses)",
        )[0]
    )


def _build(settings: Settings, database: Database) -> float:
    """`dbt build`, as resources/dbt.py runs it, without the graph around it."""
    started = time.perf_counter()
    as_of = datetime.now(UTC).replace(tzinfo=None)
    build = builds.begin(database, "bench", ["compliance_call"])
    command = [executable(), "--no-use-colors", *build_arguments(by_changes=build.by_changes)]
    done = subprocess.run(
        [*command, "--project-dir", str(project_dir())],
        env={**os.environ, **dbt_environment(settings, database, by_changes=build.by_changes)},
        cwd=settings.home_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-4000:])
    builds.end(database, build, as_of)
    if os.environ.get("CM_BENCH_VERBOSE"):
        print(done.stdout)
    return time.perf_counter() - started


def _one(database: Database, query: str, *parameters: Any) -> tuple[Any, ...]:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return tuple(cursor.fetchall()[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    run(parser.parse_args().people)
