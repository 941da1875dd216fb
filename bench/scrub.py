"""A list scrubbed for calls: numbers that nobody here has, and numbers of people.

Run: python -m bench.scrub [--rows 200000] [--people 200000]. People have a number and an address each; every fiftieth
number asked not to be called, one in thirteen of eight area codes is on the do-not-call list. The list has a row a
number, as a dialler's has.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

from cm_core.compliance.dnc import files
from cm_core.compliance.dnc.sets import AREA, distinct
from cm_core.compliance.scrub import scrub
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.bulk import load
from cm_core.store.locks import transaction
from cm_core.store.migrations import upgrade

_AT = datetime(2026, 3, 2, 18)
_IMPORT = "imp_2026_01_01_001"
_AREA_CODES = (405, 580, 918, 214, 817, 212, 305, 720)
_SETUP = (
    f"""
    insert into import_metadata (import_id, feed, filename, source_type, import_date, landing_key, s3_location,
        uploaded_at, source_date, file_size_bytes, checksum_sha256, status)
    values ('{_IMPORT}', 'dnc_registry', 'x', 'csv', '2026-01-01', 'k', 'k', '2026-01-01', '2026-01-01', 1, 'x',
        'COMPLETE')
    """,
    f"""
    insert into dnc_list_versions (id, source, kind, import_id, obtained_at, status, area_codes, row_count, bad_rows,
        added, removed, checksum_sha256)
    values (1, 'national', 'full', '{_IMPORT}', '2026-02-20', 'IN_FORCE', 8, 8, 0, 8, 0, 'x')
    """,
)
_COVER = "insert into dnc_area_coverage values ('national', %s, 1, '2026-02-20', %s, %s, 1)"
#: A number by its position among all: area codes in turn, then lines from 2000000 on.
_NUMBER = f"'+1' || ({list(_AREA_CODES)})[1 + n % 8] || (2000000 + n * 7 % 7999993)"
_PROVENANCE = {"source_date": "2026-01-01", "first_import_id": _IMPORT, "last_import_id": _IMPORT}
_LOADS = (
    ("persons", ("id", "entity_id", "is_original", "entity_type"), "select n, n, 1, 'person' from range(1, ?) as t(n)"),
    (
        "phone_numbers", ("id", "person_id", "phone_key", "phone_raw", "phone_e164", "region"),
        f"select n, n, {_NUMBER}, '', {_NUMBER}, 'US' from range(1, ?) as t(n)",
    ),
    (
        "addresses", ("id", "person_id", "address_key", "address_raw", "state", "zip"),
        "select n, n, 'k' || n, '', 'OK', 73000 + n % 900 from range(1, ?) as t(n)",
    ),
)  # fmt: skip
_ASKED = "insert into opt_outs (channel, phone_e164, opted_out_at, source) " \
    "select 'call', phone_e164, '2026-01-05', 'bench' from phone_numbers where id % 50 = 0"  # fmt: skip


def run(rows: int, people: int) -> None:
    """Print a line for a list of strangers and one for a list of people."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        settings = Settings(home=Path(folder) / "home")
        server = PrivateServer(settings.home_dir)
        try:
            database = Database(server.ensure_running().writer)
            upgrade(database)
            duck = duckdb.connect()
            _fill(settings, database, duck, people)
            _measure(settings, database, duck, "numbers that nobody has", rows, people + 1)
            _measure(settings, database, duck, "numbers of people", min(rows, people), 1)
        finally:
            server.stop()


def _fill(settings: Settings, database: Database, duck: duckdb.DuckDBPyConnection, people: int) -> None:
    with closing(database.connect()) as connection, transaction(connection), connection.cursor() as cursor:
        for statement in _SETUP:
            cursor.execute(statement)
        for code in _AREA_CODES:
            listed = distinct(np.arange(code * AREA + 2_000_003, code * AREA + AREA, 13), None, _AT)
            files.write(settings, listed, f"dnc/national/{code}/bench.parquet")
            cursor.execute(_COVER, (str(code), len(listed), f"dnc/national/{code}/bench.parquet"))
        for table, columns, query in _LOADS:
            constants = _PROVENANCE | ({"zip4": None} if table == "addresses" else {})
            load(connection, duck, query, table, columns, params=(people + 1,), constants=constants)
        cursor.execute(_ASKED)
        cursor.execute("analyze table persons, phone_numbers, addresses, opt_outs")


def _measure(
    settings: Settings, database: Database, duck: duckdb.DuckDBPyConnection, what: str, rows: int, first: int
) -> None:
    path = settings.home_dir / f"{first}.csv"
    query = f"select 'Owner ' || n as name, {_NUMBER} as phone from range({first}, {first + rows}) as t(n)"
    duck.execute(f"copy ({query}) to '{path}' (header)")
    began, busy = time.perf_counter(), time.process_time()
    done = scrub(settings, database, path, channel="call", at=_AT)
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"scrub of {what}: {done.rows:,} rows, {done.allowed:,} allowed: {seconds:.1f} s, {done.rows / seconds:,.0f} "
        f"rows/s; {busy:.1f} s of processor time without the database server's; peak memory {peak:,.0f} MB\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=200_000)
    arguments = parser.parse_args()
    run(arguments.rows, arguments.people)
