"""A legacy table into the landing zone: rows per second and peak memory of the extract, reconciliation included.

The table has 16 columns of the usual types and lies on a private server of this machine, in warm memory. Measured is
what `cm extract` does to its slices: reading, Parquet, count and checksum on both sides, landing. Planning and the
second reading of the landed files, which is an asset check, are shown apart.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import psutil

from cm_core.extract import check_pool, plans, slice_pool
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from cm_core.store.migrations import upgrade

ROWS = 2_000_000
GOAL, CORES = 300_000, 2

_TABLE = """
create table people (
  id bigint unsigned primary key auto_increment, first_name varchar(60), last_name varchar(60), email varchar(120),
  phone varchar(20), address varchar(120), city varchar(60), state char(2), zip varchar(10), dob date,
  created_at datetime not null, updated_at timestamp null, balance decimal(12,2), is_active tinyint not null,
  score double, notes text
)
"""
_ROWS = """
insert into people
select seq, concat('First', seq %% 5000), concat('Last', seq %% 77777), concat('user', seq, '@example.com'),
  concat('405', lpad(seq %% 10000000, 7, '0')), concat(seq %% 9999, ' N Main Street Apt ', seq %% 50),
  concat('City', seq %% 900), 'OK', lpad(seq %% 99999, 5, '0'), date_add('1940-01-01', interval seq %% 25000 day),
  date_add('2015-01-01', interval seq second), if(seq %% 3, date_add('2018-01-01', interval seq second), null),
  (seq %% 1000000) / 100, seq %% 2, seq / 7, if(seq %% 4, null, concat('Spoke to owner, call back é ', seq))
from (
  with recursive n (i) as (select 0 union all select i + 1 from n where i < 999)
  select a.i * 1000 + b.i + c.i * 1000000 + 1 as seq
  from n a, n b, (select i from n where i * 1000000 < %(rows)s) c
) numbers
where seq <= %(rows)s
"""


def run(rows: int, slice_rows: int, workers: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        home = Path(folder) / "home"
        server = PrivateServer(home)
        try:
            database = Database(server.ensure_running().writer)
            database.ensure_ready()
            upgrade(database)
            legacy = database.sibling("cm_legacy")
            legacy.ensure_ready()
            with legacy.connect(autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(_TABLE)
                cursor.execute(_ROWS, {"rows": rows})
            settings = Settings(
                home=home,
                legacy_database_url=legacy.url_text(hide_password=False),
                legacy_tables="people",
                legacy_slice_rows=slice_rows,
                compute_threads=workers,
            )
            _measure(settings, database, rows)
        finally:
            server.stop()


def _measure(settings: Settings, database: Database, rows: int) -> None:
    processor = _processor_seconds(settings)
    started = time.perf_counter()
    (plan,) = plans(settings, database)
    planned = time.perf_counter()
    names = plan.slice_names()
    with slice_pool(settings, names) as extract:
        results = [extract(name) for name in names]
        extracted = time.perf_counter()
    spent = _processor_seconds(settings) - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    checking = time.perf_counter()
    with check_pool(settings, names) as check:
        problems = [problem for name in names if (problem := check(name))]
    checked = time.perf_counter()
    if problems or sum(result.rows for result in results) != rows:
        raise SystemExit(f"The extract is not whole: {problems}")
    seconds = extracted - planned
    size = sum(result.bytes for result in results) / 1e6
    print(
        f"extract: {rows:>9,} rows x {len(plan.columns)} columns in {len(names)} slices ({size:.0f} MB of Parquet): "
        f"{seconds:5.1f} s, {rows / seconds:8,.0f} rows/s (goal {GOAL:,}), peak memory {peak:,.0f} MB"
    )
    print(
        f"         planning {planned - started:.1f} s; second reading of the files {checked - checking:.1f} s; "
        f"processor time of server and client {spent:.1f} s, {spent / rows * 1e6:.2f} s per million rows: "
        f"{CORES * rows / spent:,.0f} rows/s where they have {CORES} cores to themselves",
        flush=True,
    )


def _processor_seconds(settings: Settings) -> float:
    """Processor time of this process and the benchmark's database server."""
    total = time.process_time()
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] in ("mariadbd", "mysqld") and str(settings.home_dir) in " ".join(
            process.info["cmdline"]
        ):
            times = process.cpu_times()
            total += times.user + times.system
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--slice-rows", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    run(given.rows, given.slice_rows, given.workers)
